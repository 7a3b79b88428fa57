"""SynMG, the synthetic benchmark: rendered where it is missing, completed where it was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress
from fgsgl.data.datasets.base import DataSet, FinePairs, Skeletons
from fgsgl.data.synmg.programs import CLASSES, fine_pairs

if TYPE_CHECKING:
    import numpy as np

JITTER_M, OFFSET_M = 0.008, 0.02
"""Standard deviation, along each axis, of a joint's error in a frame, and of its constant error in a clip.

Our choice, of a Kinect's order: millimetres of jitter for a person who sits still, and centimetres between its model of
the body and the true joints. Another value makes another data set: raise the version of SynMG with it."""


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table; renders missing videos first.

    Raises:
        UserError: if the folder holds another version, preset or seed.
    """
    from fgsgl.data.synmg import make

    return make.make(root, preset, seed, workers=workers, device="cpu", progress=progress)


def planned(root: Path, preset: str, seed: int) -> ClipTable:
    """The clip table, without rendering a video or looking for one.

    Raises:
        UserError: as :func:`load`.
    """
    from fgsgl.data.synmg import make

    return make.planned(root, preset, seed)


def skeleton_files(table: ClipTable, clips: Sequence[Clip]) -> list[Path]:
    """The clips' truth files."""
    from fgsgl.data.synmg.truth import truth_path

    return [truth_path(table.root, clip) for clip in clips]


def read_skeleton(file: Path, clip: Clip) -> np.ndarray:
    """The true joints of a clip in metres, ``joints_TJ3`` float32, as a noisy sensor would see them.

    The noise (:data:`JITTER_M`, :data:`OFFSET_M`) is the same whenever a clip is read, and on any machine.

    Raises:
        UserError: if the clip's truth cannot be read.
    """
    from fgsgl.data.synmg.randomness import bell, stream
    from fgsgl.data.synmg.truth import read_truth

    truth = read_truth(file)
    joints_TJ3, rng = truth.joints3d_TJ3, stream("skeleton", truth.frames_sha256)
    offset_J3, jitter_TJ3 = bell(rng, joints_TJ3.shape[1:]), bell(rng, joints_TJ3.shape)
    return joints_TJ3 + (OFFSET_M * offset_J3 + JITTER_M * jitter_TJ3).astype(joints_TJ3.dtype)


def motion_mask(root: Path, clip: Clip, frames: Sequence[int]) -> np.ndarray:
    """``mask_THW``: the visible pixels of the part that makes the gesture, in the given frames of a clip's video.

    Raises:
        UserError: if the clip's truth cannot be read.
    """
    from fgsgl.data.synmg.truth import read_mask, truth_path

    return read_mask(truth_path(root, clip))[list(frames)]


DATASET = DataSet(
    name="synmg",
    # A cell of quick takes less than two minutes on two cores. Training is long-tailed and the test balanced, so the
    # class prior is taken out, for every method alike; chosen on validation (benchmarks/results/class-prior.md).
    presets={
        "quick": {"epochs": 4, "logit_adjustment": 1.0},
        "standard": {"epochs": 8, "num_frames": 16, "logit_adjustment": 1.0},
        "hard": {"epochs": 8, "num_frames": 16, "logit_adjustment": 1.0},
        "smoke": {"epochs": 2, "logit_adjustment": 1.0},
    },
    load=load,
    text=lambda root: "synmg",
    planned=planned,
    motion_mask=motion_mask,
    fine_pairs=FinePairs(n_classes=len(CLASSES), pairs=tuple((pair.one, pair.other) for pair in fine_pairs())),
    skeletons=Skeletons(
        layout="kinect25",
        files=skeleton_files,
        read=read_skeleton,
        caveats=(
            f"Skeletons of SynMG are its true joints with noise of {1000 * JITTER_M:.0f} mm in a frame and "
            f"{1000 * OFFSET_M:.0f} mm in a clip: no joint is lost or mistaken, as a real sensor's would be.",
        ),
    ),
)
