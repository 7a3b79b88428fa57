"""Windows of a video, and their frames, read in one pass however long the video is.

Shapes: K kept frames of a window, H, W.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgsgl.data.cache.clip_frames import frames_kept, read_clips
from fgsgl.data.clip_table import PER_SEGMENT
from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.decoding import read_layout
from fgsgl.data.video.video_file import probe
from fgsgl.util.errors import UserError

UNKNOWN_FPS = 25.0
"""Frames a second where a file says neither times nor a rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Frames ``start`` (inclusive) to ``end`` (exclusive; 0: its end) of a video, and when they are shown.

    Times count from the video's first frame.
    """

    start: int
    end: int
    start_s: float
    end_s: float
    frame_numbers: tuple[int, ...]
    """0-based numbers of the T frames that a recognizer sees."""


def windows_of(
    path: Path,
    num_frames: int,
    start_s: float = 0.0,
    end_s: float | None = None,
    window_s: float | None = None,
    stride_s: float | None = None,
) -> list[Window]:
    """The windows of a video, in the order of time.

    Args:
        path: the video.
        num_frames: T of the recognizer.
        start_s, end_s: the part that is looked at; None: to the end.
        window_s, stride_s: length of a window, and how far apart windows begin; None: one window. The last window ends
            with the part. A part that is shorter than a window is one.

    Raises:
        UserError: for a video that cannot be read, a part that holds no frame, or lengths that are not positive.
    """
    for name, value in (("start", start_s), ("end", end_s), ("window", window_s), ("stride", stride_s)):
        if value is not None and not (math.isfinite(value) and (value > 0 or (name == "start" and value == 0))):
            raise UserError(f"{name} of {value} s; expected {'0 or more' if name == 'start' else 'more than 0'}")
    times_s = read_layout(path).times_s
    shown_s = _from_zero(times_s, probe(path).fps or UNKNOWN_FPS)
    length_s = shown_s[-1] + (shown_s[-1] / (len(shown_s) - 1) if len(shown_s) > 1 else 1 / UNKNOWN_FPS)
    last_s = length_s if end_s is None else min(end_s, length_s)
    if start_s >= last_s:
        raise UserError(
            f"{path} lasts {length_s:.2f} s, and no frame of it lies after {start_s} s and before {end_s} s"
        )
    found = []
    for from_s in _starts(start_s, last_s, window_s, stride_s):
        to_s = last_s if window_s is None else min(last_s, from_s + window_s)
        start = bisect.bisect_left(shown_s, from_s - 1e-6)
        end = bisect.bisect_left(shown_s, to_s - 1e-6)
        start = min(start, len(shown_s) - 1)
        end = max(end, start + 1)
        seen = frames_kept(times_s, start, end, num_frames)[PER_SEGMENT - 1 :: PER_SEGMENT]
        end = 0 if end == len(shown_s) else end  # as many frames as there really are
        found.append(Window(start=start, end=end, start_s=from_s, end_s=to_s, frame_numbers=tuple(seen)))
    return found


def _starts(start_s: float, last_s: float, window_s: float | None, stride_s: float | None) -> list[float]:
    if window_s is None or last_s - start_s <= window_s:
        return [start_s]
    stride_s = stride_s or window_s
    count = math.floor((last_s - start_s - window_s) / stride_s + 1e-9) + 1
    starts = [start_s + index * stride_s for index in range(count)]
    return starts if starts[-1] + window_s >= last_s - 1e-6 else [*starts, last_s - window_s]


def _from_zero(times_s: Sequence[float | None], fps: float) -> list[float]:
    """When each frame is shown, from the first one on; at a constant rate where the file does not say."""
    known = [time for time in times_s if time is not None]
    if len(known) < len(times_s):
        return [number / fps for number in range(len(times_s))]
    return [time - known[0] for time in known]


def read_windows(
    path: Path, windows: Sequence[Window], num_frames: int, image_size: int
) -> Iterator[tuple[Window, np.ndarray]]:
    """Every window of a video with its frames_KHWC, uint8, in their order.

    Args:
        path: the video.
        windows: of :func:`windows_of`.
        num_frames: T of the recognizer.
        image_size: side of the frames in pixels.

    Raises:
        BadVideo: if the video cannot be read to the end of a window.
    """
    waiting: dict[int, np.ndarray] = {}
    following = 0
    for position, frames_KHWC in read_clips(path, [(one.start, one.end) for one in windows], num_frames, image_size):
        if isinstance(frames_KHWC, BadVideo):
            raise frames_KHWC
        waiting[position] = frames_KHWC
        while following in waiting:
            yield windows[following], waiting.pop(following)
            following += 1
