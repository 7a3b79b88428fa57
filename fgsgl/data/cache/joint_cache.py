"""The joint cache: the skeletons of a clip table, made comparable and sampled in time, read once and reused.

Shapes: N clips, T frames of a clip's video, K kept frames a clip, J joints, A axes of a place (2 in an image, else 3).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock

from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.data.cache.contents import contents
from fgsgl.data.clip_table import PER_SEGMENT, Clip, ClipTable, Progress, cached_frames
from fgsgl.data.joined_table import joined_fingerprint
from fgsgl.data.skeletons import LAYOUTS, Layout, layout_name, skeletons_of
from fgsgl.util.errors import UserError
from fgsgl.util.files import open_to_read, write_whole
from fgsgl.util.processes import spread

VERSION = 2
"""Version of the way from a skeleton file to joints; another one reads every skeleton anew."""
_DIGEST_BYTES = 32
MAX_CONFIDENCE = 2.0
"""Largest confidence of a joint: detectors that mean 1 exceed it by some tenths."""
JOINT_FRAMES = 6
"""Frames of joints that a recognizer sees for each of the protocol's frames: they cost little, and PYSKL's networks
(arXiv 2205.09443) want tens of them. 48 for a protocol of 8."""


def kept_frames(num_frames: int) -> int:
    """K: frames of joints that are kept of a clip, where the protocol has ``num_frames``."""
    return num_frames * JOINT_FRAMES * PER_SEGMENT


def skeleton_fingerprint(table: ClipTable) -> str:
    """SHA-256 over the contents of all skeleton files, and over how they are read (16 hex digits); ``""`` where a
    generated data set has them as they were made, so that its rows say all about them. A joined table has that of both
    its parts.

    Raises:
        UserError: for a data set without skeletons, or a skeleton file that is missing.
    """
    if table.parts:
        return joined_fingerprint(map(skeleton_fingerprint, table.parts))
    known = _contents(table)
    if all(table.is_as_made(name, sha256) for name, sha256 in known.items()):
        return ""
    return _digest([f"{VERSION}", *(f"{name} {sha256}" for name, sha256 in sorted(known.items()))]).hex()[:16]


def open_joints(table: ClipTable, num_frames: int, *, workers: int = 1, progress: Progress | None = None) -> np.ndarray:
    """The joints of every clip in table order, ``joints_NKJ3`` float32, read-only; see :func:`comparable`.

    Every clip is divided into ``num_frames * JOINT_FRAMES`` segments in time, of each of which some frames are kept, as
    in the frame cache (:mod:`fgsgl.data.clip_table`). The file is named by the contents of the skeleton files, and
    checked when it is opened: a damaged one is made anew. It is written whole, at the end: a call that is killed leaves
    nothing, and two calls at once wait for one another.

    Args:
        table: the clips.
        num_frames: frames of the protocol.
        workers: reading processes.
        progress: called with (clips finished, clips in all).

    Raises:
        UserError: for a data set without skeletons, a skeleton that cannot be read, or files that change meanwhile.
    """
    name = table.layout or layout_name(table.dataset, "")
    layout, known = LAYOUTS[name], _contents(table)
    shape = len(table.clips), kept_frames(num_frames), len(layout.joints), 3
    path = cache_folder() / "joints" / _key(table, name, num_frames, known)
    if not _is_whole(path, shape):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not _is_whole(path, shape):
                values = _read_all(table, layout, num_frames, workers, progress).tobytes()
                if _contents(table) != known:
                    raise UserError(f"skeleton files below {table.root} changed while they were read; start again")
                write_whole(path, hashlib.sha256(values).digest() + values)
    return np.memmap(path, np.float32, "r", offset=_DIGEST_BYTES, shape=shape)


def _contents(table: ClipTable) -> dict[str, str]:
    """SHA-256 of every skeleton file, by its path from the root."""
    return contents(table.root, _names(table))


def _names(table: ClipTable) -> list[str]:
    """The path, from the root, of each clip's skeleton file."""
    return [os.path.relpath(path, table.root) for path in _files(table)]


def _files(table: ClipTable) -> list[Path]:
    return skeletons_of(table.dataset).files(table, table.clips)


def _key(table: ClipTable, layout: str, num_frames: int, known: dict[str, str]) -> str:
    """Hash of all that the joints depend on."""
    lines = [f"{VERSION} {table.dataset} {layout} {num_frames}x{JOINT_FRAMES}x{PER_SEGMENT}"]
    for clip, name in zip(table.clips, _names(table), strict=True):
        lines.append(f"{clip.clip_id} {clip.start_frame} {clip.end_frame} {known[name]}")
    return _digest(lines).hex()[:32]


def _digest(lines: Iterable[str]) -> bytes:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).digest()


def _is_whole(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether the file is there, has the right size and holds the values that it was written with."""
    try:
        with open_to_read(path) as file:
            if os.fstat(file.fileno()).st_size != _DIGEST_BYTES + 4 * math.prod(shape):
                return False
            written = file.read(_DIGEST_BYTES)
            return hashlib.file_digest(file, "sha256").digest() == written
    except OSError:
        return False


def _read_all(table: ClipTable, layout: Layout, num_frames: int, workers: int, progress: Progress | None) -> np.ndarray:
    joints_NKJ3 = np.empty((len(table.clips), kept_frames(num_frames), len(layout.joints), 3), np.float32)
    read = partial(_read_clip, table.dataset, layout, num_frames)
    jobs = list(zip(_files(table), table.clips, strict=True))
    for row, joints_KJ3 in enumerate(spread("reading skeletons", read, jobs, workers, chunk=16)):
        joints_NKJ3[row] = joints_KJ3
        if progress is not None:
            progress(row + 1, len(table.clips))
    return joints_NKJ3


def _read_clip(dataset: str, layout: Layout, num_frames: int, job: tuple[Path, Clip]) -> np.ndarray:
    """``joints_KJ3`` of one clip, from its skeleton file."""
    file, clip = job
    joints_TJ3 = skeletons_of(dataset).read(file, clip)
    wanted = (len(layout.joints), 3)
    if joints_TJ3.ndim != 3 or not len(joints_TJ3) or joints_TJ3.shape[1:] != wanted:
        raise UserError(
            f"the skeleton of clip {clip.clip_id!r} of {dataset} has shape {joints_TJ3.shape}, expected one or more "
            f"frames of {wanted}"
        )
    if layout.confidence:
        found_TJ = joints_TJ3[..., 2]
        wrong = found_TJ[(found_TJ < 0) | (found_TJ > MAX_CONFIDENCE)]  # NaN is neither
        if len(wrong):
            raise UserError(
                f"the skeleton of clip {clip.clip_id!r} of {dataset} ({file}) has {wrong[0]:g} as the third value of a "
                "joint, expected a confidence of 0 to 1; is it a depth, or a percentage? Scale it, or leave it out"
            )
    frames_K = cached_frames(0, len(joints_TJ3), num_frames * JOINT_FRAMES)
    return comparable(joints_TJ3, layout)[frames_K]


def comparable(joints_TJ3: np.ndarray, layout: Layout) -> np.ndarray:
    """Moves a clip's joints to the body's centre, scales them by its size, and fills gaps.

    The origin is the mean place of the layout's centre over the frames that show it (of all joints, where none does),
    and the unit the root mean square distance of all joints from it, so that people, distances and pixels compare. A
    joint that was not found, NaN or of confidence 0, stays where it was last seen (before that: where it will be seen
    first); one that is never seen is put at the origin. A confidence stays as it is, and is 0 where nothing was found.
    PYSKL's PreNormalize3D also turns the spine upright and the shoulders to the front, and keeps metres; here training
    clips are turned at random instead.

    Args:
        joints_TJ3: as the data set gives them.
        layout: of the joints.

    Returns:
        ``joints_TJ3`` float32, all finite.
    """
    axes = 2 if layout.confidence else 3
    found_TJ: np.ndarray = np.isfinite(joints_TJ3).all(-1)
    if layout.confidence:
        found_TJ &= joints_TJ3[..., 2] > 0
    if not found_TJ.any():
        return np.zeros(joints_TJ3.shape, np.float32)
    place_TJA = joints_TJ3[..., :axes].astype(np.float64)
    centred_T = found_TJ[:, layout.center]
    seen_NA = place_TJA[:, layout.center][centred_T] if centred_T.any() else place_TJA[found_TJ]
    place_TJA -= seen_NA.mean(0)
    size = np.sqrt((place_TJA[found_TJ] ** 2).sum(-1).mean())
    place_TJA /= size if size > 0 else 1
    filled_TJ3 = np.zeros(joints_TJ3.shape, np.float32)
    filled_TJ3[..., :axes] = _filled(place_TJA, found_TJ)
    if layout.confidence:
        filled_TJ3[..., 2] = np.where(found_TJ, joints_TJ3[..., 2], 0)
    return filled_TJ3


def _filled(place_TJA: np.ndarray, found_TJ: np.ndarray) -> np.ndarray:
    """The last place where each joint was found; before that its first, and zero for a joint never found."""
    frames_T1 = np.arange(len(found_TJ))[:, None]
    last_TJ = np.maximum.accumulate(np.where(found_TJ, frames_T1, -1))
    from_TJ = np.where(last_TJ < 0, found_TJ.argmax(0), last_TJ)
    ever_J = np.asarray(found_TJ.any(0))
    return np.where(ever_J[:, None], np.take_along_axis(place_TJA, from_TJ[..., None], 0), 0)
