"""Windows of a video, and their frames, read in one pass however long the video is.

Shapes: K kept frames of a window, H, W.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgsgl.data.clip_table import cached_frames
from fgsgl.data.video import iterate_frames, num_frames, probe
from fgsgl.util.errors import UserError

UNKNOWN_FPS = 25.0
"""Frames a second where a file does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Frames ``start_frame`` (inclusive) to ``end_frame`` (exclusive) of a video."""

    path: Path
    start_frame: int
    end_frame: int
    start_s: float
    end_s: float


def windows_of(
    path: Path,
    start_s: float = 0.0,
    end_s: float | None = None,
    window_s: float | None = None,
    stride_s: float | None = None,
) -> list[Window]:
    """The windows of a video, in the order of time.

    Args:
        path: the video.
        start_s, end_s: the part that is looked at; None: to the end.
        window_s, stride_s: length of a window, and how far apart windows begin; None: one window. The last window ends
            with the part; a part that is shorter than a window is one.

    Raises:
        UserError: for a video that cannot be read, a part that holds no frame, or lengths that are not positive.
    """
    for name, value in (("start", start_s), ("end", end_s), ("window", window_s), ("stride", stride_s)):
        if value is not None and not (math.isfinite(value) and (value > 0 or (name == "start" and value == 0))):
            raise UserError(f"{name} of {value} s; expected {'0 or more' if name == 'start' else 'more than 0'}")
    count, fps = num_frames(path), probe(path).fps or UNKNOWN_FPS
    first = math.floor(start_s * fps)
    last = count if end_s is None else min(count, math.ceil(end_s * fps))
    if first >= last:
        raise UserError(
            f"{path} has {count} frames ({count / fps:.2f} s), none of which lies between {start_s} s and "
            f"{'its end' if end_s is None else f'{end_s} s'}"
        )
    length = last - first if window_s is None else min(last - first, max(1, round(window_s * fps)))
    step = length if stride_s is None else max(1, round(stride_s * fps))
    starts = list(range(first, last - length + 1, step))
    if starts[-1] + length < last:
        starts.append(last - length)
    return [
        Window(
            path=path, start_frame=start, end_frame=start + length, start_s=start / fps, end_s=(start + length) / fps
        )
        for start in starts
    ]


def read_windows(windows: Sequence[Window], num_frames: int, image_size: int) -> Iterator[tuple[Window, np.ndarray]]:
    """Every window of one video with its frames_KHWC, uint8; the frames of a window are held no longer than needed.

    Args:
        windows: in the order of time.
        num_frames: T of the recognizer.
        image_size: side of the frames in pixels.

    Raises:
        BadVideo: if the video cannot be read to the end of the last window.
    """
    wanted = [cached_frames(window.start_frame, window.end_frame, num_frames) for window in windows]
    held: dict[int, np.ndarray] = {}
    following = 0
    for number, frame_HWC in iterate_frames(
        windows[0].path, sorted({n for numbers in wanted for n in numbers}), image_size
    ):
        held[number] = frame_HWC
        while following < len(windows) and wanted[following][-1] <= number:
            yield windows[following], np.stack([held[n] for n in wanted[following]])
            following += 1
            oldest = wanted[following][0] if following < len(windows) else number + 1
            held = {n: frame for n, frame in held.items() if n >= oldest}
