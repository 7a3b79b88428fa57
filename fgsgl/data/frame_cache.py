"""The frame cache: every sampled frame of a clip table as uint8 in one memory-mapped file, filled once and reused.

Shapes: N clips, K kept frames a clip, S image side; ``frames_NKSSC`` uint8 RGB.
"""

from __future__ import annotations

import math
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from fgsgl.data.clip_frames import DECODER, read_clips
from fgsgl.data.clip_table import PER_SEGMENT, Clip, ClipTable, Progress
from fgsgl.data.containers import BadVideo
from fgsgl.util.errors import UserError
from fgsgl.util.files import write_whole
from fgsgl.util.processes import spread

GIB = 2**30
_Job = tuple[Path, list[Clip], list[int], Path, tuple[int, ...], int]
"""Video, its clips, their rows, the cache's file, its shape, and T."""
LIMIT_GIB = 50
"""Most that all frame caches in one folder may take, unless ``$FGSGL_CACHE_GIB`` sets another limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameCache:
    """A filled cache, with the clips that it lacks."""

    frames_NKSSC: np.ndarray
    """Read-only memory map."""
    row: dict[str, int]
    """Clip id -> row of the map."""
    bad: dict[str, str]
    """Clip id -> why its video cannot be read; tried again whenever the cache is opened."""

    def frames(self, clip_id: str) -> np.ndarray:
        """A copy of a clip's frames, ``frames_KSSC`` uint8."""
        return np.array(self.frames_NKSSC[self.row[clip_id]])


def refuse_bad(cache: FrameCache) -> None:
    """Refuses a table with a video that cannot be read.

    Raises:
        BadVideo: naming the first, and how many more there are.
    """
    if cache.bad:
        more = f" (and {len(cache.bad) - 1} more clips)" if len(cache.bad) > 1 else ""
        raise BadVideo(
            f"{next(iter(cache.bad.values()))}{more}; restore the file, or leave such clips out with --skip-bad "
            "(they are counted on the board)"
        )


def cache_folder(table: ClipTable, num_frames: int, image_size: int) -> Path:
    """The folder of a table's cache, named by everything that its content depends on."""
    return work_folder(table) / f"{table.fingerprint()}-{num_frames}x{PER_SEGMENT}-{image_size}px-v{DECODER}"


def work_folder(table: ClipTable) -> Path:
    """The folder for everything derived from a data set: ``$FGSGL_CACHE``, else below the data set's root."""
    base = os.environ.get("FGSGL_CACHE")
    return Path(base) if base else table.root / ".frames"


def check_folder(table: ClipTable) -> Path:
    """The folder in which `fgsgl data check` keeps its results."""
    return work_folder(table) / f"{table.fingerprint()}-check"


def open_cache(
    table: ClipTable,
    num_frames: int,
    image_size: int,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> FrameCache:
    """Opens the frame cache of a table; decodes what it lacks, in several processes.

    A call that is killed keeps what it has decoded; two calls at once wait for one another.

    Args:
        table: the clips.
        num_frames: T, frames a recognizer sees; ``PER_SEGMENT`` times as many are kept.
        image_size: S, pixels.
        workers: decoding processes.
        progress: called with (clips finished, clips in all).
        tell: called, before anything is decoded, with a line about the size of the cache and its place.

    Raises:
        UserError: if it would be over the limit (``$FGSGL_CACHE_GIB``), or the disk has no room for it or fills up
            (what is decoded stays), or its folder cannot be written.
    """
    folder = cache_folder(table, num_frames, image_size)
    shape = _shape(table, num_frames, image_size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):
            if not (folder / "done.u8").exists():
                _refuse_too_large(folder, math.prod(shape))
                with (folder / "frames.u8").open("wb") as file:
                    file.truncate(math.prod(shape))
                write_whole(folder / "done.u8", bytes(shape[0]))
            done_N = np.fromfile(folder / "done.u8", dtype=np.uint8)
            if tell is not None and (line := pending(table, num_frames, image_size)):
                tell(line)
            bad = _fill(table, num_frames, folder, done_N, shape, workers, progress)
    except OSError as error:
        raise UserError(
            f"the frame cache at {folder} cannot be written: {error.strerror}; make room there, or set FGSGL_CACHE to "
            "a writable folder with room (what is decoded is kept, and the same command goes on from there)"
        ) from None
    frames = np.memmap(folder / "frames.u8", dtype=np.uint8, mode="r", shape=shape)
    return FrameCache(frames_NKSSC=frames, row={clip.clip_id: index for index, clip in enumerate(table.clips)}, bad=bad)


def pending(table: ClipTable, num_frames: int, image_size: int) -> str:
    """A line about the size of a cache, its place, and the clips that it lacks; empty where it lacks none."""
    folder, done = cache_folder(table, num_frames, image_size), 0
    if (folder / "done.u8").exists():
        done = int(np.count_nonzero(np.fromfile(folder / "done.u8", dtype=np.uint8)))
    if done == len(table.clips):
        return ""
    size_gib = math.prod(_shape(table, num_frames, image_size)) / GIB
    waiting = f"{len(table.clips) - done} of {len(table.clips)} clips to be decoded"
    return f"frame cache: {size_gib:.2f} GiB at {folder}, {waiting}"


def _shape(table: ClipTable, num_frames: int, image_size: int) -> tuple[int, ...]:
    return len(table.clips), num_frames * PER_SEGMENT, image_size, image_size, 3


def _refuse_too_large(folder: Path, size_bytes: int) -> None:
    """Refuses a new cache that the limit on all caches of the folder above, or the disk, has no room for."""
    limit_gib = _limit_gib()
    used_bytes = sum(path.stat().st_size for path in folder.parent.glob("*/frames.u8") if path.parent != folder)
    if used_bytes + size_bytes > limit_gib * GIB:
        others = f" beside {used_bytes / GIB:.2f} GiB of other caches" if used_bytes else ""
        raise UserError(
            f"the frame cache needs {size_bytes / GIB:.2f} GiB at {folder.parent}{others}, but the limit is "
            f"{limit_gib:g} GiB; use fewer frames or a smaller image size, remove caches that are not needed, or raise "
            f"the limit: FGSGL_CACHE_GIB={math.ceil((used_bytes + size_bytes) / GIB)}"
        )
    free_bytes = shutil.disk_usage(folder).free
    if size_bytes > 0.95 * free_bytes:
        raise UserError(
            f"the frame cache needs {size_bytes / GIB:.2f} GiB at {folder.parent}, but only {free_bytes / GIB:.2f} GiB "
            "are free; make room, set FGSGL_CACHE to another disk, or use fewer frames or a smaller image size"
        )


def _limit_gib() -> float:
    given = os.environ.get("FGSGL_CACHE_GIB", str(LIMIT_GIB))
    try:
        limit_gib = float(given)
    except ValueError:
        limit_gib = 0.0
    if not limit_gib > 0:
        raise UserError(f"FGSGL_CACHE_GIB is {given!r}, expected a number above 0: GiB of all frame caches together")
    return limit_gib


def _fill(
    table: ClipTable,
    num_frames: int,
    folder: Path,
    done_N: np.ndarray,
    shape: tuple[int, ...],
    workers: int,
    progress: Progress | None,
) -> dict[str, str]:
    """Decodes every row that is not done, a video at a time; returns the reasons for those that cannot be."""
    rows_of_video: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(done_N == 0).tolist():
        rows_of_video[table.clips[row].video].append(row)
    jobs = [
        (table.root / video, [table.clips[row] for row in rows], rows, folder / "frames.u8", shape, num_frames)
        for video, rows in rows_of_video.items()
    ]
    bad: dict[str, str] = {}
    finished = int(np.count_nonzero(done_N))
    with (folder / "done.u8").open("r+b", buffering=0) as file:
        chunk = max(1, min(8, len(jobs) // (4 * workers)))
        for rows, faults in spread("decoding frames", _decode_video, jobs, workers, chunk):
            bad.update(faults)
            for row in rows:
                if table.clips[row].clip_id not in faults:
                    os.pwrite(file.fileno(), b"\1", row)
            finished += len(rows)
            if progress is not None:
                progress(finished, len(table.clips))
    return bad


def _decode_video(job: _Job) -> tuple[list[int], dict[str, str]]:
    """Decodes all clips of one video in one pass into their rows; returns the rows, and why a clip failed.

    Frames are written, not mapped: on a full disk a write raises an error, where a memory map would end the process.
    """
    path, clips, rows, cache, shape, num_frames = job
    faults: dict[str, str] = {}
    with cache.open("r+b") as file:
        ranges = [(clip.start_frame, clip.end_frame) for clip in clips]
        for position, found in read_clips(path, ranges, num_frames, shape[2]):
            if isinstance(found, BadVideo):
                faults[clips[position].clip_id] = str(found)
            else:
                file.seek(rows[position] * math.prod(shape[1:]))
                file.write(found.tobytes())
    return rows, faults
