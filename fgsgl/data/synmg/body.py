"""People: 25 joints in SMG's (Kinect's) order, a subject's proportions, looks and habits, two-bone inverse kinematics.

World axes: x to the picture's right (the person's left), y up, z towards the camera; metres.
Sides: +1 is the person's left, -1 the right. T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fgsgl.data.synmg.randomness import between, chance, pick, stream

JOINTS = (
    "SpineBase", "SpineMid", "ShoulderCenter", "Head",
    "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft",
    "ShoulderRight", "ElbowRight", "WristRight", "HandRight",
    "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft",
    "HipRight", "KneeRight", "AnkleRight", "FootRight",
    "SpineShoulder", "HandTipLeft", "ThumbLeft", "HandTipRight", "ThumbRight",
)  # fmt: skip
"""SMG's order of joints in its skeleton files."""

ARM = {1: (4, 5, 6, 7, 21, 22), -1: (8, 9, 10, 11, 23, 24)}
"""Side -> shoulder, elbow, wrist, hand, hand tip, thumb."""
LEG = {1: (12, 13, 14, 15), -1: (16, 17, 18, 19)}
"""Side -> hip, knee, ankle, foot."""

SKINS = ((236, 200, 174), (222, 176, 145), (196, 146, 112), (158, 110, 80), (112, 76, 56), (84, 58, 46))
HAIRS = ((40, 30, 26), (70, 48, 32), (112, 80, 46), (168, 132, 78), (60, 58, 60), (130, 62, 38))
SHIRTS = (
    (176, 60, 58), (62, 96, 160), (72, 128, 92), (206, 198, 180), (64, 66, 76), (150, 108, 158), (206, 156, 70),
    (92, 150, 166), (150, 150, 154), (120, 84, 60),
)  # fmt: skip
TROUSERS = ((46, 54, 78), (66, 62, 58), (96, 88, 74), (40, 42, 44), (84, 98, 116))


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One person: proportions in metres, colours as RGB in 0..255, posture and habits."""

    seated: bool
    torso_m: float
    """Hip line to shoulder line."""
    shoulder_m: float
    """Half the width of the shoulders."""
    hip_m: float
    """Half the distance of the hip joints."""
    depth_m: float
    """Spine to the front of the chest."""
    neck_m: float
    head_m: float
    """Radius."""
    upper_arm_m: float
    forearm_m: float
    hand_m: float
    """Wrist to finger tips."""
    thigh_m: float
    shin_m: float
    girth: float
    """Factor on limb and torso radii."""
    skin: tuple[float, ...]
    hair: tuple[float, ...]
    shirt: tuple[float, ...]
    collar: tuple[float, ...]
    trousers: tuple[float, ...]
    shoes: tuple[float, ...]
    long_hair: bool
    bare_forearms: bool
    tempo: float
    """Factor on frequencies and speeds."""
    vigour: float
    """Factor on amplitudes."""
    right_handed: float
    """Probability that a one-sided gesture is made with the right."""
    lean_rad: float
    rest: tuple[str, str]
    """Two usual resting places of the hands, the more usual one first."""


def draw_subject(*names: object) -> Subject:
    """The person of a named random stream."""
    rng = stream(*names)
    size = between(rng, 0.92, 1.08)
    seated = chance(rng, 0.65)
    shirt = _tint(rng, pick(rng, SHIRTS), 18)
    rests = ("thigh", "lap", "chair", "belly") if seated else ("side", "lap", "pocket", "side")
    first = pick(rng, rests)
    return Subject(
        seated=seated,
        torso_m=size * between(rng, 0.47, 0.53),
        shoulder_m=size * between(rng, 0.165, 0.205),
        hip_m=size * between(rng, 0.085, 0.105),
        depth_m=size * between(rng, 0.10, 0.125),
        neck_m=size * between(rng, 0.085, 0.11),
        head_m=size * between(rng, 0.09, 0.102),
        upper_arm_m=size * between(rng, 0.275, 0.31),
        forearm_m=size * between(rng, 0.245, 0.275),
        hand_m=size * between(rng, 0.155, 0.18),
        thigh_m=size * between(rng, 0.40, 0.45),
        shin_m=size * between(rng, 0.39, 0.43),
        girth=between(rng, 0.9, 1.12),
        skin=_tint(rng, pick(rng, SKINS), 8),
        hair=_tint(rng, pick(rng, HAIRS), 10),
        shirt=shirt,
        collar=tuple(min(255.0, 40.0 + 0.85 * value) if sum(shirt) < 420 else 0.62 * value for value in shirt),
        trousers=_tint(rng, pick(rng, TROUSERS), 12),
        shoes=_tint(rng, (58, 52, 50), 20),
        long_hair=chance(rng, 0.4),
        bare_forearms=chance(rng, 0.5),
        tempo=between(rng, 0.85, 1.15),
        vigour=between(rng, 0.85, 1.2),
        right_handed=0.75 if chance(rng, 0.85) else 0.25,
        lean_rad=between(rng, -0.06, 0.10),
        rest=(first, pick(rng, rests)),
    )


def _tint(rng: np.random.Generator, colour: tuple[float, ...], spread: float) -> tuple[float, ...]:
    return tuple(min(250.0, max(15.0, value + between(rng, -spread, spread))) for value in colour)


def two_bone_ik(
    root_T3: np.ndarray, target_T3: np.ndarray, upper_m: float, lower_m: float, pole_T3: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and end joint of a limb that reaches for a target, bent towards ``pole``.

    A target out of reach (or too near to fold) is replaced by the nearest reachable point on the same line, so that
    both bones always keep their lengths.

    Returns:
        middle_T3, end_T3.
    """
    line_T3 = target_T3 - root_T3
    distance_T1 = np.maximum(np.linalg.norm(line_T3, axis=-1, keepdims=True), 1e-6)
    along_T3 = line_T3 / distance_T1
    reach_T1 = np.clip(distance_T1, abs(upper_m - lower_m) + 0.02, 0.995 * (upper_m + lower_m))
    # Cosine rule: how far along the line the middle joint lies, and how far off it.
    foot_T1 = (upper_m**2 - lower_m**2 + reach_T1**2) / (2 * reach_T1)
    off_T1 = np.sqrt(np.maximum(upper_m**2 - foot_T1**2, 0.0))
    bend_T3 = unit(pole_T3 - np.sum(pole_T3 * along_T3, axis=-1, keepdims=True) * along_T3)
    return root_T3 + foot_T1 * along_T3 + off_T1 * bend_T3, root_T3 + reach_T1 * along_T3


def unit(vector_T3: np.ndarray) -> np.ndarray:
    """Scaled to length 1."""
    return vector_T3 / np.maximum(np.linalg.norm(vector_T3, axis=-1, keepdims=True), 1e-9)


def rotation(yaw_T: np.ndarray, pitch_T: np.ndarray, roll_T: np.ndarray) -> np.ndarray:
    """Rotations about y (yaw), then x (pitch, forwards positive), then z (roll): ``R_T33`` with columns = own axes."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw_T, pitch_T, roll_T) for f in (np.cos, np.sin))
    zero, one = np.zeros_like(cy), np.ones_like(cy)
    yaw = np.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], -1).reshape(-1, 3, 3)
    pitch = np.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp], -1).reshape(-1, 3, 3)
    roll = np.stack([cr, -sr, zero, sr, cr, zero, zero, zero, one], -1).reshape(-1, 3, 3)
    return yaw @ pitch @ roll
