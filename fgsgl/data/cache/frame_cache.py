"""The frame cache: the sampled frames of every clip as uint8, decoded once and reused by every table that has the clip.

A clip's frames lie in a file of their own (:mod:`fgsgl.data.cache.clip_store`), named by the content of its video and
the frames that are taken. A corrected label, a moved folder or another name decodes nothing anew; another content does.

Shapes: K kept frames a clip, S image side; ``frames_KSSC`` uint8 RGB.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from filelock import FileLock

from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.data.cache.clip_frames import DECODER, read_clips
from fgsgl.data.cache.clip_store import ClipStore
from fgsgl.data.cache.contents import FileState, contents, file_state, with_contents
from fgsgl.data.clip_table import PER_SEGMENT, Clip, ClipTable, Progress
from fgsgl.data.video.containers import BadVideo
from fgsgl.util.errors import UserError
from fgsgl.util.processes import spread

GIB = 2**30
LIMIT_GIB = 50
"""Most that all frame caches in one folder may take, unless ``$FGSGL_CACHE_GIB`` sets another limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameCache:
    """A filled cache, with the clips that it lacks."""

    table: ClipTable
    num_frames: int
    """T, frames a recognizer sees."""
    store: ClipStore
    keys: dict[str, str]
    """Clip id -> key in the store."""
    bad: dict[str, str]
    """Clip id -> why its video cannot be read; tried again whenever the cache is opened."""
    _clips: dict[str, Clip]
    _checked: set[str] = field(default_factory=set)
    """Clips whose file this process has found whole."""

    def frames(self, clip_id: str) -> np.ndarray:
        """A copy of a clip's frames, ``frames_KSSC`` uint8; a damaged file is made anew from the video.

        Raises:
            UserError: if a file is damaged, and its video is gone, has changed or cannot be read.
        """
        frames_KSSC = self.store.read(self.keys[clip_id], checked=clip_id not in self._checked)
        if frames_KSSC is None:
            frames_KSSC = self._again(self._clips[clip_id])
        self._checked.add(clip_id)
        return frames_KSSC

    def _again(self, clip: Clip) -> np.ndarray:
        (job,) = _jobs(self.table, [clip], self.keys, self.store, self.num_frames)
        key = self.keys[clip.clip_id]
        faults: dict[str, str] = {}
        for _, frames_KSSC in _decode(job, faults):
            if job.is_unchanged:
                with suppress(OSError):  # of a cache that is read-only, or full
                    self.store.write(key, frames_KSSC)
                return frames_KSSC
        why = faults.get(clip.clip_id, job.changed)
        raise UserError(f"the cached frames {self.store.path(key)} are damaged, and cannot be made anew: {why}")


def refuse_bad(cache: FrameCache) -> None:
    """Refuses a table with a video that cannot be read.

    Raises:
        BadVideo: naming the first, and how many more there are.
    """
    if cache.bad:
        more = f" (and {len(cache.bad) - 1} more clips)" if len(cache.bad) > 1 else ""
        raise BadVideo(
            f"{next(iter(cache.bad.values()))}{more}; restore the file, or leave such clips out with --skip-bad "
            "(they are counted on the board); `fgsgl data check` lists all"
        )


def check_folder(table: ClipTable) -> Path:
    """The folder in which `fgsgl data check` keeps its results."""
    return cache_folder() / "checks" / table.fingerprint()


def open_cache(
    table: ClipTable,
    num_frames: int,
    image_size: int,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> FrameCache:
    """Opens the frame cache of a table; decodes what it lacks, in several processes. Clips without videos have none.

    A call that is killed keeps what it has decoded; two calls at once wait for one another.

    Args:
        table: the clips.
        num_frames: T, frames a recognizer sees; ``PER_SEGMENT`` times as many are kept.
        image_size: S, pixels.
        workers: decoding processes.
        progress: called with (clips finished, clips in all).
        tell: called, before anything is decoded, with a line about the size of what is to be decoded and its place.

    Raises:
        UserError: if it would be over the limit (``$FGSGL_CACHE_GIB``), or the disk has no room for it or fills up
            (what is decoded stays), or its folder cannot be written.
    """
    table = with_contents(table, workers=workers)
    store, keys = frame_store(num_frames, image_size), frame_keys(table, num_frames, image_size)
    bad: dict[str, str] = {}
    try:
        if table.has_videos and store.missing(keys.values()):
            with _lock(store.folder):
                lacking = store.missing(keys.values())
                waiting = [clip for clip in table.clips if keys[clip.clip_id] in lacking]
                if line := _pending(waiting, table, store):
                    if os.access(store.folder, os.W_OK):
                        _refuse_too_large(store.folder, len(lacking) * store.file_bytes)
                    if tell is not None:
                        tell(line)
                bad = _fill(_jobs(table, waiting, keys, store, num_frames), len(table.clips), workers, progress)
    except OSError as error:
        raise UserError(
            f"the frame cache at {store.folder} cannot be written: {error.strerror}; make room there, or set "
            "FGSGL_CACHE to a writable folder with room (what is decoded is kept, and the same command goes on from "
            "there)"
        ) from None
    clips = {clip.clip_id: clip for clip in table.clips}
    return FrameCache(table=table, num_frames=num_frames, store=store, keys=keys, bad=bad, _clips=clips)


def pending(table: ClipTable, num_frames: int, image_size: int) -> str:
    """A line about the clips that a cache lacks, their size and the cache's place; empty where it lacks none."""
    table = with_contents(table)
    store, keys = frame_store(num_frames, image_size), frame_keys(table, num_frames, image_size)
    lacking = store.missing(keys.values()) if table.has_videos else set()
    return _pending([clip for clip in table.clips if keys[clip.clip_id] in lacking], table, store)


def _pending(waiting: Sequence[Clip], table: ClipTable, store: ClipStore) -> str:
    if not waiting:
        return ""
    size_gib = len(waiting) * store.file_bytes / GIB
    return (
        f"frame cache: {size_gib:.2f} GiB more at {store.folder}, {len(waiting)} of {len(table.clips)} clips to be "
        "decoded"
    )


def frame_store(num_frames: int, image_size: int) -> ClipStore:
    """The store of all frames that are taken alike."""
    kept = num_frames * PER_SEGMENT
    folder = cache_folder() / "frames" / f"{num_frames}x{PER_SEGMENT}-{image_size}px"
    return ClipStore(folder=folder, shape=(kept, image_size, image_size, 3))


def frame_keys(table: ClipTable, num_frames: int, image_size: int) -> dict[str, str]:
    """Key of every clip, by its id: a hash of all that its frames depend on. The table knows its contents."""
    keys = {}
    for clip in table.clips:
        # A video without content has no frames: its name keeps it apart.
        video = table.contents[clip.video] or f"no content {table.path(clip)}"
        what = f"{DECODER} {num_frames}x{PER_SEGMENT} {image_size} {clip.start_frame} {clip.end_frame} {video}"
        keys[clip.clip_id] = hashlib.sha256(os.fsencode(what)).hexdigest()[:32]
    return keys


def _lock(folder: Path) -> AbstractContextManager:
    """Keeps other commands from filling the same cache; a read-only one needs no lock."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        if not folder.is_dir():
            raise
    return FileLock(folder / "lock") if os.access(folder, os.W_OK) else nullcontext()


def _refuse_too_large(folder: Path, size_bytes: int) -> None:
    """Refuses frames that the limit on all caches of the folder above, or the disk, has no room for."""
    limit_gib = _limit_gib()
    used_bytes = sum(entry.st_size for entry in _entries(folder.parent))
    if used_bytes + size_bytes > limit_gib * GIB:
        others = f" beside the {used_bytes / GIB:.2f} GiB that are there" if used_bytes else ""
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


def _entries(folder: Path) -> Iterator[os.stat_result]:
    """Every file of the caches in a folder, which other commands may change meanwhile."""
    for path in folder.glob("*/*/*"):
        with suppress(OSError):
            yield path.lstat()


def _limit_gib() -> float:
    given = os.environ.get("FGSGL_CACHE_GIB", str(LIMIT_GIB))
    try:
        limit_gib = float(given)
    except ValueError:
        limit_gib = 0.0
    if not limit_gib > 0:
        raise UserError(f"FGSGL_CACHE_GIB is {given!r}, expected a number above 0: GiB of all frame caches together")
    return limit_gib


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """A video and those of its clips that are to be decoded."""

    path: Path
    state: FileState | None
    """Of the file when its content was known; None: it is gone, or another one."""
    clips: Sequence[Clip]
    keys: Sequence[str]
    store: ClipStore
    num_frames: int

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is still the one whose content the keys name."""
        return self.state is not None and file_state(self.path) == self.state

    @property
    def changed(self) -> str:
        """The fault of a file that is another one now."""
        return f"the video {self.path} has changed since this command looked at it; start it again"


def _jobs(
    table: ClipTable, waiting: Sequence[Clip], keys: dict[str, str], store: ClipStore, num_frames: int
) -> list[_Job]:
    """A job for each video; looks once more whether its content is the one that the keys name."""
    clips_of: dict[str, list[Clip]] = defaultdict(list)
    for clip in waiting:
        clips_of[clip.video].append(clip)
    states = {video: file_state(table.video_folder / video) for video in clips_of}
    now = contents(table.video_folder, clips_of)
    return [
        _Job(
            path=table.video_folder / video, clips=clips, keys=[keys[clip.clip_id] for clip in clips], store=store,
            num_frames=num_frames,
            state=states[video] if now[video] == table.contents[video] else None,
        )
        for video, clips in clips_of.items()
    ]  # fmt: skip


def _fill(jobs: Sequence[_Job], total: int, workers: int, progress: Progress | None) -> dict[str, str]:
    """Decodes all clips, a video at a time; returns the reasons for those that cannot be."""
    bad: dict[str, str] = {}
    finished = total - sum(len(job.clips) for job in jobs)
    chunk = max(1, min(8, len(jobs) // (4 * workers)))
    for job, faults in zip(jobs, spread("decoding frames", _decode_video, jobs, workers, chunk), strict=True):
        bad.update(faults)
        finished += len(job.clips)
        if progress is not None:
            progress(finished, total)
    return bad


def _decode_video(job: _Job) -> dict[str, str]:
    """Decodes all clips of one video in one pass and keeps their frames; returns why a clip failed."""
    key_of = {clip.clip_id: key for clip, key in zip(job.clips, job.keys, strict=True)}
    faults: dict[str, str] = {}
    for clip, frames_KSSC in _decode(job, faults):
        if not job.is_unchanged:
            return dict.fromkeys(key_of, job.changed)
        job.store.write(key_of[clip.clip_id], frames_KSSC)
    return faults


def _decode(job: _Job, faults: dict[str, str]) -> Iterator[tuple[Clip, np.ndarray]]:
    """Each clip with its ``frames_KSSC``, as soon as it is decoded; fills in why a clip failed."""
    ranges = [(clip.start_frame, clip.end_frame) for clip in job.clips]
    for position, found in read_clips(job.path, ranges, job.num_frames, job.store.shape[1]):
        if isinstance(found, BadVideo):
            faults[job.clips[position].clip_id] = str(found)
        else:
            yield job.clips[position], found
