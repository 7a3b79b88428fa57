"""The drawn people keep their bones, and the motions do what their programs say."""

from itertools import product

import numpy as np
import pytest

from fgsgl.data.synmg.body import ARM, JOINTS, LEG, draw_subject, two_bone_ik
from fgsgl.data.synmg.motion import animate
from fgsgl.data.synmg.presets import PRESETS
from fgsgl.data.synmg.programs import CLASSES, Program
from fgsgl.data.synmg.randomness import stream
from fgsgl.data.synmg.scene import Scene, draw_class_program, draw_scene

TIMES_S = np.arange(50) / 25


def scenes(label: int, count: int, preset: str = "hard") -> list[Scene]:
    """Clips of a class by several people, with all confounders."""
    drawn = []
    for number in range(count):
        subject, rng = draw_subject("test", "subject", number), stream("test", label, number)
        program, keeps = draw_class_program(CLASSES[label], subject, rng), bool(CLASSES[label].onsets)
        drawn.append(draw_scene(program, subject, PRESETS[preset].difficulty, 2.0, rng, keeps_onset=keeps))
    return drawn


def length(joints_TJ3: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.linalg.norm(joints_TJ3[:, a] - joints_TJ3[:, b], axis=-1)


def test_ik_keeps_both_bones_and_reaches_what_is_in_reach() -> None:
    rng = np.random.default_rng(0)
    root, target, pole = rng.uniform(-1, 1, (3, 200, 3))
    middle, end = two_bone_ik(root, target, 0.3, 0.25, pole)
    np.testing.assert_allclose(np.linalg.norm(middle - root, axis=-1), 0.3, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=-1), 0.25, atol=1e-9)
    distance = np.linalg.norm(target - root, axis=-1)
    reachable = (distance > 0.08) & (distance < 0.54)
    assert reachable.sum() > 10
    np.testing.assert_allclose(end[reachable], target[reachable], atol=1e-9)


@pytest.mark.parametrize("label", range(len(CLASSES)))
def test_bones_keep_their_lengths_through_every_class(label: int) -> None:
    for scene in scenes(label, 4):
        joints, subject = animate(scene, TIMES_S).joints_TJ3, scene.subject
        assert joints.shape == (50, len(JOINTS), 3)
        assert np.isfinite(joints).all()
        for side in (1, -1):
            shoulder, elbow, wrist, hand, tip, _ = ARM[side]
            hip, knee, ankle, _ = LEG[side]
            np.testing.assert_allclose(length(joints, shoulder, elbow), subject.upper_arm_m, atol=1e-9)
            np.testing.assert_allclose(length(joints, elbow, wrist), subject.forearm_m, atol=1e-9)
            np.testing.assert_allclose(length(joints, hand, tip), 0.52 * subject.hand_m, atol=1e-9)
            np.testing.assert_allclose(length(joints, hip, knee), subject.thigh_m, atol=1e-9)
            np.testing.assert_allclose(length(joints, knee, ankle), subject.shin_m, atol=1e-9)


@pytest.mark.parametrize("label", range(len(CLASSES)))
def test_what_the_program_names_moves_most(label: int) -> None:
    """The hands or feet that the program moves travel farthest; for the head, neither hands nor feet do."""
    limbs = {("hand", side): ARM[side][4] for side in (1, -1)} | {("leg", side): LEG[side][2] for side in (1, -1)}
    right = 0
    drawn = scenes(label, 12, preset="quick")
    for scene in drawn:
        joints = animate(scene, TIMES_S).joints_TJ3
        joints = joints - joints[:, :1]
        way = {name: np.abs(np.diff(joints[:, joint], axis=0)).sum() for name, joint in limbs.items()}
        moving = {(scene.program.limb, side) for side in scene.sides} or {("head", 0)}
        way["head", 0] = np.abs(np.diff(joints[:, 3], axis=0)).sum() * (4 if not scene.sides else 1)
        right += max(way, key=way.get) in moving
    assert right >= 10, f"{right} of {len(drawn)}"


def test_a_gesture_goes_from_its_onset_to_its_place() -> None:
    subject = draw_subject("test", "subject", 0)
    for place, joint in (("nose", 3), ("belly", 1)):
        program = Program("one hand", "lap", "hold", place)
        difficulty = PRESETS["smoke"].difficulty
        scene = draw_scene(program, subject, difficulty, 2.0, stream("test", "to", place))
        joints = animate(scene, np.array([0.0, scene.arrive_s + 0.02])).joints_TJ3
        gap_T = np.linalg.norm(joints[:, ARM[scene.sides[0]][4]] - joints[:, joint], axis=-1)
        assert gap_T[1] < 0.25
        assert gap_T[1] < gap_T[0] or place == "belly"


def test_several_classes_differ_in_one_dimension_only() -> None:
    def differ(a: int, b: int, dimension: str) -> bool:
        first, second = CLASSES[a], CLASSES[b]
        shared = {
            "part": bool(set(first.parts) & set(second.parts)),
            "trajectory": bool(set(first.motions) & set(second.motions)),
            "outcome": bool(set(first.places) & set(second.places)),
        }
        return not shared[dimension] and all(shared[name] for name in shared if name != dimension)

    assert all(
        differ(a, b, "outcome") for a, b in ((1, 21), (2, 6), (2, 8), (6, 8), (3, 17), (5, 10), (5, 23), (3, 13))
    )
    assert differ(10, 13, "trajectory")
    pairs = [set(product(CLASSES[label].places, CLASSES[label].motions)) for label in (10, 13)]
    assert not pairs[0] & pairs[1]
