"""Layouts of skeletons: the name of each joint, and the joint that it is connected to.

Shapes: J joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fgsgl.data import datasets
from fgsgl.data.datasets.base import Skeletons
from fgsgl.data.synmg.body import JOINTS
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The joints of a skeleton, a tree whose root is the body's centre."""

    joints: tuple[str, ...]
    """In the order of the files; a side is told by ``Left`` or ``Right`` in the name, from the person's view."""
    parents: tuple[str, ...]
    """The neighbour of each joint on the way to the centre; the centre is its own."""
    confidence: bool
    """Whether a joint's third value is a detector's confidence in 0..1 (places in the image), or depth (3-D)."""

    @property
    def parent_J(self) -> list[int]:
        """The index of each joint's parent."""
        return [self.joints.index(name) for name in self.parents]

    @property
    def center(self) -> int:
        """The index of the root: the origin of a clip, and ST-GCN's centre of gravity."""
        return next(index for index, parent in enumerate(self.parent_J) if index == parent)

    @property
    def mirror_J(self) -> list[int]:
        """For each joint the index of its counterpart on the other side; its own, in the middle."""
        return [self.joints.index(_other_side(name)) for name in self.joints]

    @property
    def graph(self) -> dict[str, Any]:
        """The ``layout`` of MMAction2's ``Graph``: ``num_node``, ``inward`` (child, parent) and ``center``."""
        inward = [[joint, parent] for joint, parent in enumerate(self.parent_J) if joint != parent]
        return {"num_node": len(self.joints), "inward": inward, "center": self.center}


def _other_side(name: str) -> str:
    if "Left" in name:
        return name.replace("Left", "Right")
    return name.replace("Right", "Left")


_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")

_ARMS = ("Nose", "Neck", "ShoulderRight", "ElbowRight", "WristRight", "ShoulderLeft", "ElbowLeft", "WristLeft")
_TO_NECK = ("Neck", "Neck", "Neck", "ShoulderRight", "ElbowRight", "Neck", "ShoulderLeft", "ElbowLeft")
"""OpenPose's first eight joints, and the neighbours of each on the way to the neck."""

LAYOUTS = {
    "kinect25": Layout(
        joints=JOINTS,
        parents=(
            "SpineMid", "SpineMid", "SpineShoulder", "ShoulderCenter",
            "SpineShoulder", "ShoulderLeft", "ElbowLeft", "WristLeft",
            "SpineShoulder", "ShoulderRight", "ElbowRight", "WristRight",
            "SpineBase", "HipLeft", "KneeLeft", "AnkleLeft",
            "SpineBase", "HipRight", "KneeRight", "AnkleRight",
            "SpineMid", "HandLeft", "HandLeft", "HandRight", "HandRight",
        ),
        confidence=False,
    ),
    "openpose22": Layout(
        joints=(
            *_ARMS, "EyeRight", "EyeLeft", "EarRight", "EarLeft",
            *(f"{finger}Left" for finger in _FINGERS), *(f"{finger}Right" for finger in _FINGERS),
        ),
        parents=(
            *_TO_NECK, "Nose", "Nose", "EyeRight", "EyeLeft",
            *("WristLeft",) * 5, *("WristRight",) * 5,
        ),
        confidence=True,
    ),
    "coco17": Layout(
        joints=(
            "Nose", "EyeLeft", "EyeRight", "EarLeft", "EarRight", "ShoulderLeft", "ShoulderRight", "ElbowLeft",
            "ElbowRight", "WristLeft", "WristRight", "HipLeft", "HipRight", "KneeLeft", "KneeRight", "AnkleLeft",
            "AnkleRight",
        ),
        parents=(
            "Nose", "Nose", "Nose", "EyeLeft", "EyeRight", "Nose", "Nose", "ShoulderLeft",
            "ShoulderRight", "ElbowLeft", "ElbowRight", "ShoulderLeft", "ShoulderRight", "HipLeft", "HipRight",
            "KneeLeft", "KneeRight",
        ),
        confidence=True,
    ),
    "openpose18": Layout(
        joints=(
            *_ARMS, "HipRight", "KneeRight", "AnkleRight", "HipLeft", "KneeLeft", "AnkleLeft", "EyeRight", "EyeLeft",
            "EarRight", "EarLeft",
        ),
        parents=(
            *_TO_NECK, "ShoulderRight", "HipRight", "KneeRight", "ShoulderLeft", "HipLeft", "KneeLeft", "Nose", "Nose",
            "EyeRight", "EyeLeft",
        ),
        confidence=True,
    ),
    "openpose25": Layout(
        joints=(
            *_ARMS, "MidHip", "HipRight", "KneeRight", "AnkleRight", "HipLeft", "KneeLeft", "AnkleLeft", "EyeRight",
            "EyeLeft", "EarRight", "EarLeft", "BigToeLeft", "SmallToeLeft", "HeelLeft", "BigToeRight", "SmallToeRight",
            "HeelRight",
        ),
        parents=(
            *_TO_NECK, "Neck", "MidHip", "HipRight", "KneeRight", "MidHip", "HipLeft", "KneeLeft", "Nose", "Nose",
            "EyeRight", "EyeLeft", *("AnkleLeft",) * 3, *("AnkleRight",) * 3,
        ),
        confidence=True,
    ),
}  # fmt: skip
"""``kinect25``: SMG's, the joints and bones of NTU RGB+D, with the middle of the spine for its centre.

``coco17``, ``openpose18``, ``openpose25``: the joints and bones of COCO, and of OpenPose's two models of the body, as
MMAction2 has them.

``openpose22``: the joints of iMiGUE's "light hand" files that its official kit uses (``imigue_gendata.py``): of
OpenPose's BODY_25 the upper body (8), eyes and ears (4), and the tips of the fingers (2 x 5).
"""


def skeletons_of(dataset: str) -> Skeletons:
    """The skeletons that a data set offers.

    Raises:
        UserError: for a data set without skeletons.
    """
    skeletons = datasets.get(dataset).skeletons
    if skeletons is None:
        having = ", ".join(datasets.names_where(lambda other: other.skeletons is not None))
        raise UserError(f"{dataset} has no skeletons; methods that read skeletons run on: {having}")
    return skeletons


def has_skeletons(dataset: str, preset: str) -> bool:
    """Whether a data set, or a preset of one's own data, offers skeletons (:func:`layout_name` says why not)."""
    skeletons = datasets.get(dataset).skeletons
    return skeletons is not None and (skeletons.layout or preset) in LAYOUTS


def layout_name(dataset: str, preset: str) -> str:
    """The name of a data set's layout, a key of :data:`LAYOUTS`.

    Raises:
        UserError: for a data set, or a preset of one's own data, without skeletons.
    """
    layout = skeletons_of(dataset).layout or preset
    if layout not in LAYOUTS:
        raise UserError(
            f"{dataset} {preset} has no skeletons: methods that read skeletons need a table with a column skeleton (a "
            f".npy file a clip) and the preset that names its joints: {', '.join(LAYOUTS)}"
        )
    return layout
