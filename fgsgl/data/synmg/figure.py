"""The drawn person: which capsules, of which colour and radius, hang on which joints.

K capsules, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fgsgl.data.synmg.body import ARM, LEG, Subject, unit
from fgsgl.data.synmg.motion import Pose


@dataclass(slots=True)
class Capsules:
    """Capsules to be drawn; ``parts`` names what each belongs to (``hand+1``, ``leg-1``, ``head``, ``trunk`` ...)."""

    starts: list[np.ndarray] = field(default_factory=list)
    """(T, 3) each, metres."""
    ends: list[np.ndarray] = field(default_factory=list)
    radii_m: list[float] = field(default_factory=list)
    colours: list[tuple[float, ...]] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def add(
        self, part: str, start_T3: np.ndarray, end_T3: np.ndarray, radius_m: float, colour: tuple[float, ...]
    ) -> None:
        """Adds one capsule."""
        self.starts.append(start_T3)
        self.ends.append(end_T3)
        self.radii_m.append(radius_m)
        self.colours.append(colour)
        self.parts.append(part)


def build(subject: Subject, pose: Pose) -> Capsules:
    """All capsules of the person."""
    capsules = Capsules()
    _trunk(capsules, subject, pose)
    _head(capsules, subject, pose)
    for side in (1, -1):
        _leg(capsules, subject, pose, side)
        _arm(capsules, subject, pose, side)
    return capsules


def _trunk(capsules: Capsules, s: Subject, pose: Pose) -> None:
    joints, g = pose.joints_TJ3, s.girth
    base, top = joints[:, 0], joints[:, 20]
    x, y, z = (pose.torso_T33[..., i] for i in range(3))
    for side in (1, -1):
        low = base + side * (s.hip_m * 0.75) * x + 0.02 * y
        high = top + side * (0.52 * s.shoulder_m) * x - 0.10 * y
        capsules.add("trunk", low, high, 0.095 * g, s.shirt)
    capsules.add("trunk", base - 0.01 * y, top - 0.12 * y + 0.01 * z, 0.11 * g, s.shirt)
    shoulders = [joints[:, ARM[side][0]] - side * 0.02 * x - 0.012 * y for side in (1, -1)]
    capsules.add("shoulders", shoulders[0], shoulders[1], 0.058 * g, s.shirt)
    for side in (1, -1):
        root = top + side * 0.045 * x + 0.02 * y
        capsules.add("shoulders", root, joints[:, ARM[side][0]] - 0.005 * y, 0.045 * g, s.shirt)
    hips = [base + side * s.hip_m * x - 0.045 * y for side in (1, -1)]
    capsules.add("trunk", hips[0], hips[1], 0.092 * g, s.trousers)
    neck_low = top - 0.02 * y + 0.01 * z
    capsules.add("neck", neck_low, joints[:, 3] - 0.3 * s.head_m * y, 0.05 * g, s.skin)
    for side in (1, -1):
        outer, inner = top + side * 0.062 * x + 0.028 * y + 0.025 * z, top + side * 0.01 * x - 0.05 * y + 0.105 * z
        capsules.add("collar", outer, inner, 0.017, s.collar)


def _head(capsules: Capsules, s: Subject, pose: Pose) -> None:
    r, centre = s.head_m, pose.joints_TJ3[:, 3]
    x, y, z = (pose.head_T33[..., i] for i in range(3))
    dark = tuple(0.25 * v for v in s.hair)
    capsules.add("head", centre + 0.28 * r * y, centre - 0.34 * r * y + 0.05 * r * z, 0.86 * r, s.skin)
    capsules.add("head", centre + 0.5 * r * y - 0.3 * r * z, centre - 0.1 * r * y - 0.42 * r * z, 0.88 * r, s.hair)
    capsules.add("head", centre + 0.66 * r * y - 0.05 * r * z, centre + 0.62 * r * y + 0.12 * r * z, 0.72 * r, s.hair)
    if s.long_hair:
        for side in (1, -1):
            top, low = centre + side * 0.78 * r * x + 0.2 * r * y, centre + side * 0.92 * r * x - 1.5 * r * y
            capsules.add("head", top - 0.25 * r * z, low - 0.3 * r * z, 0.3 * r, s.hair)
    for side in (1, -1):
        eye = centre + side * 0.36 * r * x + 0.1 * r * y + 0.84 * r * z
        capsules.add("head", eye, eye + 0.01 * side * x, 0.1 * r, dark)
        brow = eye + 0.26 * r * y
        capsules.add("head", brow - 0.1 * r * side * x, brow + 0.2 * r * side * x, 0.055 * r, s.hair)
        ear = centre + side * 0.88 * r * x
        capsules.add("head", ear + 0.12 * r * y, ear - 0.12 * r * y, 0.14 * r, tuple(0.9 * v for v in s.skin))
    nose, mouth = centre + 0.93 * r * z, centre - 0.52 * r * y + 0.8 * r * z
    capsules.add("head", nose + 0.05 * r * y, nose - 0.14 * r * y, 0.13 * r, tuple(0.88 * v for v in s.skin))
    lips = (0.72 * s.skin[0], 0.5 * s.skin[1], 0.5 * s.skin[2])
    capsules.add("head", mouth - 0.2 * r * x, mouth + 0.2 * r * x, 0.07 * r, lips)


def _arm(capsules: Capsules, s: Subject, pose: Pose, side: int) -> None:
    shoulder, elbow, wrist, hand, tip, thumb = (pose.joints_TJ3[:, i] for i in ARM[side])
    part, g = f"hand{side:+d}", s.girth
    sleeve = tuple(0.86 * v for v in s.shirt)
    capsules.add(part, shoulder, elbow, 0.046 * g, sleeve)
    capsules.add(part, elbow, wrist, 0.036 * g, s.skin if s.bare_forearms else sleeve)
    along = unit(hand - wrist)
    across = thumb - wrist
    across = unit(across - np.sum(across * along, -1, keepdims=True) * along)
    palm = tuple(0.97 * v for v in s.skin)
    capsules.add(part, wrist + 0.02 * along + 0.012 * across, hand + 0.012 * across, 0.026, palm)
    capsules.add(part, wrist + 0.02 * along - 0.012 * across, hand - 0.012 * across, 0.026, palm)
    for offset, length in ((0.024, 0.94), (0.0, 1.0), (-0.024, 0.88)):
        knuckle = hand + offset * across
        capsules.add(part, knuckle, knuckle + length * (tip - hand) + 0.25 * offset * across, 0.0125, s.skin)
    capsules.add(part, wrist + 0.025 * along + 0.015 * across, thumb, 0.0135, s.skin)


def _leg(capsules: Capsules, s: Subject, pose: Pose, side: int) -> None:
    hip, knee, ankle, foot = (pose.joints_TJ3[:, i] for i in LEG[side])
    part, g = f"leg{side:+d}", s.girth
    shade = 1.0 if side == 1 else 0.93
    trousers = tuple(shade * v for v in s.trousers)
    capsules.add(part, hip, knee, 0.075 * g, trousers)
    capsules.add(part, knee, ankle, 0.053 * g, tuple(0.95 * v for v in trousers))
    capsules.add(part, ankle - np.array([0.0, 0.03, 0.0]), foot - np.array([0.0, 0.03, 0.0]), 0.042, s.shoes)
