"""Places of a hand: each has a point, the direction of the fingers, the surface's normal and the elbow's side.

A row's coordinates are for the hand of the side that it names (x positive = outwards on that hand's own side), in units
of its frame, so that a place moves with the body it belongs to and fits any proportions:
torso: x in half shoulder widths, y in torso lengths above the hips, z in chest depths; head: in head radii; thigh: on
the own thigh (x along it); arm: on the other arm (x from its elbow, 0, to its wrist, 1; negative on the upper arm).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HandPlace:
    """A place for a hand; see the module's text for the units."""

    frame: str
    point: tuple[float, float, float]
    fingers: tuple[float, float, float]
    """Direction in which the fingers point."""
    normal: tuple[float, float, float]
    """Away from the surface."""
    elbow: tuple[float, float, float] = (0.55, -1.0, -0.35)
    """Direction towards which the elbow bends."""


_UP_IN = (-0.4, 0.85, -0.15)
_FACE_ELBOW = (0.5, -1.0, 0.1)

PLACES: dict[str, HandPlace] = {
    # resting places
    "thigh": HandPlace("thigh", (0.62, 0.0, 0.0), (-0.25, -0.1, 1.0), (0.0, 1.0, 0.2), (0.9, -0.6, -0.5)),
    "knee": HandPlace("thigh", (0.95, 0.0, 0.0), (-0.1, -0.35, 1.0), (0.0, 1.0, 0.3), (0.9, -0.6, -0.5)),
    "lap": HandPlace("torso", (0.06, 0.16, 1.9), (-0.8, -0.15, 0.45), (0.0, 0.6, 0.8), (0.9, -0.7, -0.4)),
    "side": HandPlace("torso", (1.35, -0.22, 0.2), (0.0, -1.0, 0.1), (1.0, 0.0, 0.0), (0.7, 0.0, -1.0)),
    "chair": HandPlace("torso", (1.4, -0.02, 0.4), (0.1, -0.8, 0.6), (0.4, 1.0, 0.0), (0.8, 0.0, -1.0)),
    "pocket": HandPlace("torso", (0.85, -0.1, 0.9), (-0.15, -1.0, 0.0), (0.4, 0.0, 1.0), (0.9, -0.1, -0.8)),
    # trunk
    "belly": HandPlace("torso", (0.15, 0.34, 1.35), (-1.0, 0.05, 0.1), (0.0, 0.1, 1.0), (0.9, -0.7, -0.3)),
    "chest": HandPlace("torso", (-0.15, 0.72, 1.25), (-0.9, 0.35, 0.0), (0.0, 0.1, 1.0), (0.8, -0.9, 0.0)),
    "notch": HandPlace("torso", (0.0, 0.98, 1.0), (-0.65, 0.7, 0.1), (0.0, 0.3, 1.0), (0.8, -0.9, 0.1)),
    "collar": HandPlace("torso", (0.3, 1.0, 0.8), (-0.5, 0.85, -0.05), (0.4, 0.4, 1.0), (0.8, -0.9, 0.1)),
    "pendant": HandPlace("torso", (0.0, 0.8, 1.25), (-0.7, 0.6, 0.1), (0.0, 0.2, 1.0), (0.8, -0.9, 0.1)),
    "neck": HandPlace("torso", (0.36, 1.14, 0.2), (-0.25, 0.9, -0.35), (1.0, 0.2, 0.4), (0.8, -0.7, 0.3)),
    "nape": HandPlace("torso", (0.15, 1.16, -0.6), (-0.6, 0.5, -0.6), (0.5, 0.3, -0.8), (1.0, -0.2, 0.3)),
    "shoulder": HandPlace("torso", (-0.9, 1.0, 0.7), (-0.95, 0.25, -0.2), (-0.2, 0.5, 1.0), (0.3, -1.0, 0.6)),
    "folded": HandPlace("torso", (-0.72, 0.52, 1.5), (-0.95, 0.2, -0.25), (0.0, 0.1, 1.0), (0.8, -0.7, 0.4)),
    "hip": HandPlace("torso", (0.95, 0.14, 0.45), (-0.35, -0.6, 0.7), (0.8, 0.1, 0.6), (1.0, 0.0, -0.4)),
    "behind": HandPlace("torso", (0.0, 0.16, -1.7), (-0.95, -0.2, -0.1), (0.0, 0.0, -1.0), (0.8, -0.6, -0.7)),
    "air": HandPlace("torso", (0.95, 0.5, 2.7), (-0.1, 0.5, 0.85), (0.0, 0.7, 0.7), (0.6, -1.0, -0.3)),
    "raised": HandPlace("torso", (1.35, 1.05, 1.9), (0.0, 0.95, 0.3), (0.0, 0.2, 1.0), (0.6, -1.0, -0.1)),
    # face and head
    "forehead": HandPlace("head", (0.2, 0.72, 1.05), _UP_IN, (0.1, 0.3, 1.0), _FACE_ELBOW),
    "eye": HandPlace("head", (0.42, 0.2, 1.05), _UP_IN, (0.2, 0.0, 1.0), _FACE_ELBOW),
    "nose": HandPlace("head", (0.05, -0.15, 1.35), _UP_IN, (0.0, 0.0, 1.0), _FACE_ELBOW),
    "mouth": HandPlace("head", (0.1, -0.58, 1.15), _UP_IN, (0.0, -0.1, 1.0), _FACE_ELBOW),
    "cheek": HandPlace("head", (0.72, -0.3, 0.85), (-0.1, 0.95, -0.2), (0.8, -0.1, 0.6), _FACE_ELBOW),
    "chin": HandPlace("head", (0.1, -1.08, 1.0), (-0.5, 0.75, -0.2), (0.0, -0.6, 0.8), _FACE_ELBOW),
    "ear": HandPlace("head", (1.15, 0.0, 0.0), (-0.1, 0.9, -0.3), (1.0, 0.0, 0.2), (0.9, -0.8, 0.3)),
    "temple": HandPlace("head", (0.95, 0.5, 0.55), (-0.25, 0.9, -0.2), (0.9, 0.2, 0.5), (0.7, -0.9, 0.2)),
    "hair": HandPlace("head", (1.15, 0.75, -0.1), (-0.35, 0.85, -0.4), (1.0, 0.4, 0.0), (1.0, -0.5, 0.3)),
    "crown": HandPlace("head", (0.35, 1.4, 0.1), (-0.85, 0.35, -0.3), (0.2, 1.0, 0.2), (1.0, -0.2, 0.3)),
    "fringe": HandPlace("head", (0.45, 1.05, 0.9), (-0.75, 0.65, -0.2), (0.1, 0.6, 0.9), (0.9, -0.6, 0.3)),
    # the other arm
    "upper arm": HandPlace("arm", (-0.55, 0.0, 0.0), (-0.9, 0.2, -0.1), (0.0, 0.1, 1.0), (0.6, -0.9, 0.2)),
    "elbow": HandPlace("arm", (-0.05, 0.0, 0.0), (-0.95, -0.1, 0.0), (0.0, 0.2, 1.0), (0.7, -0.8, 0.1)),
    "forearm": HandPlace("arm", (0.5, 0.0, 0.0), (-0.9, -0.15, 0.1), (0.0, 0.6, 0.8), (0.8, -0.7, 0.0)),
    "wrist": HandPlace("arm", (0.95, 0.0, 0.0), (-0.85, -0.1, 0.2), (0.0, 0.6, 0.8), (0.8, -0.7, 0.0)),
}

ARM_PLACES = tuple(name for name, place in PLACES.items() if place.frame == "arm")
SEATED_ONLY = ("thigh", "knee", "chair")
STANDING_ONLY = ("side", "pocket")

LEG_PLACES: dict[str, dict[bool, tuple[float, float, float]]] = {
    "floor": {True: (0.04, 0.0, 0.0), False: (0.03, 0.0, 0.0)},
    "over the knee": {True: (-0.30, 0.26, 0.10), False: (-0.24, 0.03, 0.12)},
    "forward": {True: (0.05, 0.06, 0.26), False: (0.07, 0.02, 0.20)},
    "aside": {True: (0.20, 0.0, 0.0), False: (0.17, 0.0, 0.0)},
}
"""Places of a foot, seated (True) or standing: metres from straight below its own knee or hip, x outwards."""
