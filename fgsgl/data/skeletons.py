"""Which joint is which in a skeleton, and which is joined to which: one :class:`Layout` for each kind of skeleton.

Shapes: J joints.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgsgl.data import datasets
from fgsgl.data.synmg.body import JOINTS
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The joints of a skeleton, a tree whose root is the body's centre."""

    joints: tuple[str, ...]
    """In the order of the files; a side is told by ``Left`` or ``Right`` in the name, from the person's view."""
    parents: tuple[str, ...]
    """Of each joint, its neighbour on the way to the centre; the centre is its own."""
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
            "Nose", "Neck", "ShoulderRight", "ElbowRight", "WristRight", "ShoulderLeft", "ElbowLeft", "WristLeft",
            "EyeRight", "EyeLeft", "EarRight", "EarLeft",
            *(f"{finger}Left" for finger in _FINGERS), *(f"{finger}Right" for finger in _FINGERS),
        ),
        parents=(
            "Neck", "Neck", "Neck", "ShoulderRight", "ElbowRight", "Neck", "ShoulderLeft", "ElbowLeft",
            "Nose", "Nose", "EyeRight", "EyeLeft",
            *("WristLeft",) * 5, *("WristRight",) * 5,
        ),
        confidence=True,
    ),
}  # fmt: skip
"""``kinect25``: SMG's, the joints and bones of NTU RGB+D, with the middle of the spine for its centre.

``openpose22``: iMiGUE's "light hand" files. *A guess*: their joints are documented nowhere that we could read. The
people sit behind tables, so the upper body of OpenPose's BODY_25 in its order (8), eyes and ears (4) and the tips of
the fingers (2 x 5) are 22. Whoever has the data corrects it here.
"""


def layout_name(dataset: str) -> str:
    """The layout of a data set's skeletons: its ``LAYOUT``.

    Raises:
        UserError: for a data set without skeletons.
    """
    module = datasets.get(dataset)
    if not hasattr(module, "skeleton"):
        having = ", ".join(name for name in datasets.names() if hasattr(datasets.get(name), "skeleton"))
        raise UserError(f"{dataset} has no skeletons; methods that read skeletons run on: {having}")
    return module.LAYOUT


def read_joints(
    path: Path, start_frame: int, end_frame: int, *, joints: int, values: int, first_column: int
) -> np.ndarray:
    """Joints of some frames of a recording, ``joints_TJ3`` float32; a joint that was not found is NaN.

    Args:
        path: the CSV file.
        start_frame: first frame (row), from 0.
        end_frame: one past the last.
        joints: J.
        values: values of a joint in a row, of which the first three are read.
        first_column: column of the first joint's first value, from 0.

    Raises:
        UserError: for a file that is missing, is no table of numbers, or ends before the last frame.
    """
    if not path.is_file():
        raise UserError(f"no skeleton at {path}")
    count = end_frame - start_frame
    columns = [first_column + values * joint + axis for joint in range(joints) for axis in range(3)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "input contained no data": told below
            rows_TV = np.loadtxt(
                path, delimiter=",", skiprows=start_frame, max_rows=count, usecols=columns, ndmin=2,
                dtype=np.float32, encoding="utf-8-sig",
            )  # fmt: skip
    except (ValueError, OSError) as error:
        raise UserError(f"the skeleton {path} is not a table of numbers as expected: {error}") from None
    if len(rows_TV) < count:
        raise UserError(f"the skeleton {path} ends after frame {start_frame + len(rows_TV)}, expected {end_frame}")
    return rows_TV.reshape(count, joints, 3)
