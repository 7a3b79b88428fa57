"""The frame cache: every sampled frame of a clip table as uint8 in one memory-mapped file, filled once and reused.

Shapes: N clips, K kept frames a clip, S image side; ``frames_NKSSC`` uint8 RGB.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from filelock import FileLock

from fgsgl.data.cliptable import ClipTable
from fgsgl.data.sampling import PER_SEGMENT, cached_frames
from fgsgl.data.video import BadVideo, iterate_frames
from fgsgl.data.video import num_frames as count_frames
from fgsgl.errors import UserError

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameCache:
    """A filled cache."""

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
    """Refuses a table of which a video cannot be read.

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
    """Where the cache of a table lies, named by all that its content depends on."""
    return work_folder(table) / f"{table.fingerprint()}-{num_frames}x{PER_SEGMENT}-{image_size}px"


def work_folder(table: ClipTable) -> Path:
    """Where what is derived from a data set goes: ``$FGSGL_CACHE``, else below the data set's root."""
    base = os.environ.get("FGSGL_CACHE")
    return Path(base) if base else table.root / ".frames"


def check_folder(table: ClipTable) -> Path:
    """Where `fgsgl data check` keeps what it found."""
    return work_folder(table) / f"{table.fingerprint()}-check"


def open_cache(
    table: ClipTable, num_frames: int, image_size: int, *, workers: int = 1, progress: Progress | None = None
) -> FrameCache:
    """Opens the frame cache of a table; decodes what it lacks, in several processes.

    A call that is killed keeps what it has decoded; two calls at once wait for one another.

    Args:
        table: the clips.
        num_frames: T, frames a recognizer sees; ``PER_SEGMENT`` times as many are kept.
        image_size: S, pixels.
        workers: decoding processes.
        progress: called with (clips finished, clips in all).

    Raises:
        UserError: if the disk has no room for it, or its folder cannot be written.
    """
    folder = cache_folder(table, num_frames, image_size)
    shape = (len(table.clips), num_frames * PER_SEGMENT, image_size, image_size, 3)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the frame cache cannot be made at {folder}: {error.strerror}; set FGSGL_CACHE to a writable folder"
        ) from None
    with FileLock(folder / "lock"):
        frames = _map(folder / "frames.u8", shape)
        done = _map(folder / "done.u8", shape[:1])
        bad: dict[str, str] = {}
        if not done.all():
            bad = _fill(table, num_frames, frames, done, workers, progress)
    frames.flags.writeable = False
    return FrameCache(frames_NKSSC=frames, row={clip.clip_id: index for index, clip in enumerate(table.clips)}, bad=bad)


def _map(path: Path, shape: tuple[int, ...]) -> np.memmap:
    size_bytes = int(np.prod(shape))
    if not path.exists():
        free_bytes = shutil.disk_usage(path.parent).free
        if size_bytes > 0.95 * free_bytes:
            raise UserError(
                f"the frame cache needs {size_bytes / 2**30:.1f} GiB at {path.parent}, but only "
                f"{free_bytes / 2**30:.1f} GiB are free; make room, or use fewer frames or a smaller image size"
            )
        with path.open("wb") as file:
            file.truncate(size_bytes)
    return np.memmap(path, dtype=np.uint8, mode="r+", shape=shape)


def _fill(
    table: ClipTable, num_frames: int, frames: np.memmap, done: np.memmap, workers: int, progress: Progress | None
) -> dict[str, str]:
    """Decodes every row that is not done, a video at a time; returns the reasons for those that cannot be."""
    rows_of_video: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(done == 0).tolist():
        rows_of_video[table.clips[row].video].append(row)
    jobs = [
        (table.root / video, [table.clips[row] for row in rows], rows, Path(frames.filename), frames.shape, num_frames)
        for video, rows in rows_of_video.items()
    ]
    bad: dict[str, str] = {}
    finished = int(np.count_nonzero(done))
    for rows, faults in _run(jobs, min(workers, len(jobs))):
        bad.update(faults)
        for row in rows:
            done[row] = table.clips[row].clip_id not in faults
        finished += len(rows)
        if progress is not None:
            progress(finished, len(table.clips))
    frames.flush()
    done.flush()
    return bad


def _run(jobs: list[tuple], workers: int) -> Iterator[tuple[list[int], dict[str, str]]]:
    if workers <= 1:
        yield from (_decode_video(job) for job in jobs)
        return
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_decode_video, jobs, chunksize=max(1, min(8, len(jobs) // (4 * workers))))


def _decode_video(job: tuple) -> tuple[list[int], dict[str, str]]:
    """Decodes all clips of one video in one pass into their rows; returns the rows, and why a clip failed."""
    path, clips, rows, cache, shape, num_frames = job
    frames = np.memmap(cache, dtype=np.uint8, mode="r+", shape=shape)
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    last_needed = {}
    try:
        end = count_frames(path) if any(clip.end_frame == 0 for clip in clips) else 0
    except BadVideo as error:
        return rows, {clip.clip_id: str(error) for clip in clips}
    for clip, row in zip(clips, rows, strict=True):
        numbers = cached_frames(clip.start_frame, clip.end_frame or end, num_frames)
        last_needed[clip.clip_id] = numbers[-1]
        for slot, number in enumerate(numbers):
            places[number].append((row, slot))
    reached = -1
    try:
        for number, pixels in iterate_frames(path, sorted(places), size=shape[2]):
            reached = number
            for row, slot in places[number]:
                frames[row, slot] = pixels
    except BadVideo as error:
        return rows, {clip_id: str(error) for clip_id, last in last_needed.items() if last > reached}
    return rows, {}
