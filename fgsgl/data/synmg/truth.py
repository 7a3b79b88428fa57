"""The truth file of a clip: its true joints, the mask of the moving part, its attributes, and hashes of its frames.

Shapes: T frames, H height, W width, J = 25 joints.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgsgl.data.clip_table import Clip
from fgsgl.data.synmg.clips import TRUTH_COLUMNS
from fgsgl.util.errors import UserError
from fgsgl.util.files import new_file


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """Everything that is known about a rendered clip."""

    joints3d_TJ3: np.ndarray
    """float32, metres, world axes (see body.py)"""
    joints2d_TJ2: np.ndarray
    """float32, pixels"""
    mask_THW: np.ndarray
    """bool: where the moving part is visible"""
    attributes: dict[str, str]
    """The clip's row of truth.csv, by column."""
    frames_sha256: str
    """Hash of the frames before encoding."""
    video_sha256: str
    """Hash of the video file."""


def truth_path(root: Path, clip: Clip) -> Path:
    """The clip's truth file."""
    return root / truth_name(clip.clip_id)


def truth_name(clip_id: str) -> str:
    """The path of a clip's truth file in a SynMG folder."""
    return f"truth/{clip_id}.npz"


def read_truth(path: Path) -> Truth:
    """Reads a clip's truth file.

    Raises:
        UserError: if it is missing or not such a file.
    """
    with _opened(path) as file:
        return Truth(
            joints3d_TJ3=file["joints3d_TJ3"],
            joints2d_TJ2=file["joints2d_TJ2"],
            mask_THW=_mask_THW(file),
            attributes={name: str(file[name]) for name in TRUTH_COLUMNS},
            frames_sha256=str(file["frames_sha256"]),
            video_sha256=str(file["video_sha256"]),
        )


def read_mask(path: Path) -> np.ndarray:
    """``mask_THW`` of a clip's truth file, in a quarter of the time that the whole file takes.

    Raises:
        UserError: as :func:`read_truth`.
    """
    with _opened(path) as file:
        return _mask_THW(file)


def read_joints3d(path: Path) -> np.ndarray:
    """``joints3d_TJ3`` of a clip's truth file alone.

    Raises:
        UserError: as :func:`read_truth`.
    """
    with _opened(path) as file:
        return file["joints3d_TJ3"]


def _mask_THW(file: Mapping[str, np.ndarray]) -> np.ndarray:
    shape = tuple(int(n) for n in file["mask_shape"])
    bits = np.unpackbits(file["mask_THW"], count=int(np.prod(shape)))
    return bits.reshape(shape).view(bool)  # zeros and ones


@contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            yield file
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(
            f"the truth file {path} cannot be read ({error}); delete it and make the data set again"
        ) from None


def write_truth(path: Path, truth: Truth) -> None:
    """Writes a clip's truth file, whole or not at all."""
    buffer = io.BytesIO()
    arrays = {
        "joints3d_TJ3": truth.joints3d_TJ3,
        "joints2d_TJ2": truth.joints2d_TJ2,
        "mask_THW": np.packbits(truth.mask_THW),
        "mask_shape": np.array(truth.mask_THW.shape),
        "frames_sha256": np.array(truth.frames_sha256),
        "video_sha256": np.array(truth.video_sha256),
        **{name: np.array(value) for name, value in truth.attributes.items()},
    }
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    temporary = path.with_suffix(".tmp")
    with new_file(temporary) as file:
        file.write(buffer.getvalue())
    temporary.replace(path)
