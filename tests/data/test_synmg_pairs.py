"""SynMG's fine pairs: what they share, how small their motions are, and that only the motion tells them apart."""

from collections import Counter
from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from fgsgl.data import datasets
from fgsgl.data.synmg.body import ARM, LEG
from fgsgl.data.synmg.ceilings import DIMENSIONS, draw, from_attributes, from_joints
from fgsgl.data.synmg.clips import draw_clip, plan
from fgsgl.data.synmg.oracle import View
from fgsgl.data.synmg.presets import PRESETS, Preset
from fgsgl.data.synmg.programs import CLASSES, fine_pairs, frequent_first
from fgsgl.data.synmg.render import project
from fgsgl.text.fgtext import load

QUICK = PRESETS["quick"]
PAIRS = fine_pairs()
NO_PATH = tuple(name for name in DIMENSIONS if name != "trajectory")


def motion_px(preset: Preset, label: int) -> float:
    """The median over test clips of how far the gesture's joints travel at their place, in pixels: without the way
    there, and without sway and other movements."""
    plain = replace(preset, difficulty=replace(preset.difficulty, idle=0.0, unrelated=0.0))
    times_s = np.arange(preset.num_frames) / preset.fps
    found = []
    for clip in (clip for clip in plan(preset, 0) if clip.split == "test" and clip.label == label):
        motion = draw_clip(plain, 0, clip)
        scene = motion.scene
        starts_there = scene.program.onset == scene.program.outcome
        first, last = (scene.start_s, scene.end_s) if starts_there else (scene.arrive_s, scene.leave_s)
        seen = motion.pose.joints_TJ3[(times_s >= first) & (times_s <= last)]
        limbs = ARM if scene.program.limb == "hand" else LEG
        joints = [joint for side in scene.sides for joint in limbs[side][1:]] or [2, 3, 4, 8]
        pixels_TJ2 = project(seen, scene.camera, 0.5 * scene.subject.torso_m, preset.size_px)[:, joints, :2]
        found.append(float(np.linalg.norm(np.ptp(pixels_TJ2, axis=0), axis=-1).max()))
    return median(found)


def test_fine_pairs_are_what_the_programs_say() -> None:
    assert len(PAIRS) >= 8 and Counter(pair.dimension for pair in PAIRS) == {"trajectory": 8, "onset": 2}
    for pair in PAIRS:
        one, other = CLASSES[pair.one], CLASSES[pair.other]
        assert (one.parts, one.places) == (other.parts, other.places)
        assert (one.motions == other.motions, one.onsets == other.onsets) == (
            pair.dimension != "trajectory",
            pair.dimension != "onset",
        )
    members = [label for pair in PAIRS for label in (pair.one, pair.other)]
    assert len(members) == len(set(members)) == 20
    offered = datasets.get("synmg").fine_pairs
    assert offered.n_classes == len(CLASSES) == 26
    assert offered.pairs == tuple((pair.one, pair.other) for pair in PAIRS)


def test_the_text_of_a_pair_differs_in_its_dimension_alone() -> None:
    text = load("synmg")
    assert text.class_names == tuple(program.name for program in CLASSES)
    for pair in PAIRS:
        one, other = text.classes[pair.one], text.classes[pair.other]
        differing = [name for name in DIMENSIONS if one.sentences[name] != other.sentences[name]]
        assert differing == [pair.dimension], (one.name, other.name)


def test_the_two_of_a_pair_are_about_as_frequent_in_training() -> None:
    place = {label: rank for rank, label in enumerate(frequent_first())}
    assert sorted(place) == list(range(len(CLASSES)))
    assert all(abs(place[pair.one] - place[pair.other]) == 1 for pair in PAIRS)


def test_many_motions_are_of_one_to_six_pixels() -> None:
    small = [label for label in range(len(CLASSES)) if 1 <= motion_px(QUICK, label) <= 6]
    assert len(small) >= 10
    assert sum(pair.one in small or pair.other in small for pair in PAIRS) >= 6


@pytest.mark.slow
def test_what_settles_starts_where_it_ends_and_its_partner_does_not() -> None:
    onset = [(CLASSES[pair.other].onsets[0], pair) for pair in PAIRS if pair.dimension == "onset"]
    assert [place for place, _ in onset] == ["folded", "over the knee"]
    for place, pair in onset:
        test = draw(QUICK, 0, "test")
        starts = {label: set() for label in (pair.one, pair.other)}
        for label, program in zip(test.labels_N.tolist(), test.programs, strict=True):
            if label in starts:
                starts[label].add(program.onset)
        assert starts[pair.other] == {place} and place not in starts[pair.one]


@pytest.mark.slow
def test_without_the_trajectory_an_oracle_falls_far() -> None:
    """From the attributes, on 500 training clips of quick."""
    train, test = draw(QUICK, 0, "train", 0.35), draw(QUICK, 0, "test")
    full, told = from_attributes(train, test), from_attributes(train, test, NO_PATH)
    assert full.top1 > 0.99
    assert told.top1 < full.top1 - 0.2 and told.fine_pairs < 0.7


@pytest.mark.slow
def test_without_motion_an_oracle_falls_far() -> None:
    """From joints, on the same clips, with fewer epochs than the board's."""
    train, test = draw(QUICK, 0, "train", 0.35), draw(QUICK, 0, "test")
    view = View(num_frames=8)
    static, motion = (from_joints(kind, train, test, view, epochs=16) for kind in ("static", "motion"))
    assert static.top1 <= 0.45 and abs(static.fine_pairs - 0.55) < 0.1
    assert motion.top1 > static.top1 + 0.2
    assert motion.fine_pairs > static.fine_pairs + 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "frames", "least"), [("quick", 8, 0.8), ("standard", 16, 0.9), ("hard", 16, 0.8)])
def test_the_presets_can_be_solved_by_motion_and_not_without(name: str, frames: int, least: float) -> None:
    """In the frames that methods see by default, without the prior."""
    train, test = (draw(PRESETS[name], 0, split) for split in ("train", "test"))
    view = View(num_frames=frames)
    static, motion = (from_joints(kind, train, test, view) for kind in ("static", "motion"))
    assert static.top1 <= 0.45 and motion.top1 >= least
    assert from_attributes(train, test, NO_PATH).top1 < from_attributes(train, test).top1 - 0.1
