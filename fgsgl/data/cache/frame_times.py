"""The times at which the frames of videos are shown, so that a clip may be given in seconds; read once a content."""

from __future__ import annotations

import bisect
import contextlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.data.cache.contents import contents
from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.decoding import read_layout
from fgsgl.data.video.video_file import probe
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_if_there, write_whole
from fgsgl.util.processes import spread

VERSION = 2
SLACK_S = 1e-4
"""A time this much before a frame's own is taken for the frame's."""
_Job = tuple[Path, str]
"""Folder and video."""


def frame_times(folder: Path, videos: Iterable[str], *, workers: int = 1) -> dict[str, np.ndarray]:
    """For each video, ``times_T`` in seconds from its first frame on; empty for one that cannot be read.

    Packets are read and not decoded. A file that does not say its times, or whose clock goes back,
    has frames at its constant rate.

    Args:
        folder: that the paths start from.
        videos: paths below it.
        workers: processes.
    """
    known = contents(folder, videos, workers=workers)
    found: dict[str, np.ndarray] = {}
    waiting: list[_Job] = []
    for video, sha256 in known.items():
        content = read_if_there(_path(sha256)) if sha256 else None
        if content is None or len(content) % 8:
            waiting.append((folder, video))
        else:
            found[video] = np.frombuffer(content, "<f8")
    chunk = max(1, min(16, len(waiting) // (4 * workers)))
    for (_, video), times_T in zip(waiting, spread("reading times", _read, waiting, workers, chunk), strict=True):
        found[video] = times_T
        if known[video] and len(times_T):
            with contextlib.suppress(OSError):  # of a cache that is read-only: read again next time
                write_whole(_path(known[video]), times_T.astype("<f8").tobytes())
    return found


def frames_between(times_T: np.ndarray, start_s: float, end_s: float) -> tuple[int, int]:
    """First frame (inclusive) and last (exclusive; 0: the video's end) that are shown from one time to another.

    Args:
        times_T: of the video's frames, from 0 on.
        start_s: when the clip begins.
        end_s: when it ends; 0: with the video.

    Raises:
        UserError: for a clip that holds no frame, or ends more than a frame after the video.
    """
    length_s = video_length_s(times_T)
    step_s = length_s - float(times_T[-1])
    if end_s > length_s + step_s + SLACK_S or start_s >= length_s:
        raise UserError(f"the clip lasts from {start_s:g} s to {end_s:g} s, but its video only {length_s:.3f} s")
    start = bisect.bisect_left(times_T, start_s - SLACK_S)
    end = bisect.bisect_left(times_T, end_s - SLACK_S) if end_s else len(times_T)
    if start >= end:
        raise UserError(f"no frame is shown from {start_s:g} s to {end_s:g} s")
    return start, 0 if end == len(times_T) else end


def video_length_s(times_T: np.ndarray) -> float:
    """How long a video lasts whose frames are shown at these times; its last frame as long as the others on average."""
    last_s = float(times_T[-1])
    return last_s + last_s / (len(times_T) - 1) if len(times_T) > 1 else last_s


def _path(sha256: str) -> Path:
    return cache_folder() / "times" / f"{sha256}-v{VERSION}"


def _read(job: _Job) -> np.ndarray:
    folder, video = job
    try:
        times_s = read_layout(folder / video).times_s
        known = [time for time in times_s if time is not None]
        if len(known) == len(times_s) and known:
            return np.array(known) - known[0]
        fps = probe(folder / video).fps
    except BadVideo:
        return np.empty(0)
    return np.arange(len(times_s)) / fps if fps else np.empty(0)
