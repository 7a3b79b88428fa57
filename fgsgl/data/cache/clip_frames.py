"""The frames that are kept of each clip of a video, decoded in one pass.

Shapes: K frames kept of a clip, S image side; ``frames_KSSC`` uint8 RGB, as a player shows them.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fgsgl.data.clip_table import PER_SEGMENT, cached_frames
from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.decoding import Layout, decode, read_layout
from fgsgl.data.video.video_file import rgb, too_short

DECODER = 2
"""Version of the way from a file to frames; frames of another version are decoded anew."""


def read_clips(
    path: Path, ranges: Sequence[tuple[int, int]], num_frames: int, size: int
) -> Iterator[tuple[int, np.ndarray | BadVideo]]:
    """Decodes clips of one video in one pass, and counts a clip's frames in the same pass.

    Which frames a clip keeps is drawn from a guess of the video's times, and checked when they are known. A video that
    deceives is decoded twice.

    Args:
        path: the video file.
        ranges: first frame (inclusive) and last (exclusive; 0: the video's end) of each clip.
        num_frames: T, frames a recognizer sees; K is ``PER_SEGMENT`` times as many.
        size: S, pixels.

    Yields:
        position in ``ranges``, and ``frames_KSSC``, or why the clip cannot be used: a clip counts only if all its
        frames are whole, also those that are not kept.
    """
    try:
        layout = read_layout(path)
    except BadVideo as error:
        yield from ((position, error) for position in range(len(ranges)))
        return
    times_s, waiting = layout.times_s, dict(enumerate(ranges))
    for _ in ("with the guess", "with the times that were decoded"):
        times_s, doubtful = yield from _read_clips(path, layout, times_s, waiting, num_frames, size)
        if not doubtful:
            return
        waiting = {position: ranges[position] for position in doubtful}
    changed = BadVideo(f"the video {path} changes while it is read")
    yield from ((position, changed) for position in waiting)


def _read_clips(
    path: Path, layout: Layout, times_s: list[float | None], ranges: Mapping[int, tuple[int, int]], num_frames: int,
    size: int,
) -> Generator[tuple[int, np.ndarray | BadVideo], None, tuple[list[float | None], list[int]]]:  # fmt: skip
    """One pass of :func:`read_clips`; returns the times of the frames, and the clips that the guess was wrong for."""
    kept = {position: frames_kept(times_s, *ranges[position], num_frames) for position in ranges}
    slots: dict[int, list[tuple[int, int]]] = defaultdict(list)
    ending: dict[int, list[int]] = defaultdict(list)
    for position, (_, end) in ranges.items():
        ending[end].append(position)
        for slot, number in enumerate(kept[position]):
            slots[number].append((position, slot))
    begun: dict[int, np.ndarray] = {}
    seen_s: list[float | None] = []
    doubtful: list[int] = []
    open_positions = set(ranges)

    def finished(position: int) -> Iterator[tuple[int, np.ndarray]]:
        open_positions.remove(position)
        frames_KSSC = begun.pop(position, None)
        if frames_KSSC is not None and frames_kept(seen_s, *ranges[position], num_frames) == kept[position]:
            yield position, frames_KSSC
        else:
            doubtful.append(position)

    error = None
    try:
        for frame in decode(path, layout):
            seen_s.append(frame.time_s)
            if frame.number in slots:
                pixels_SSC = rgb(path, frame, size)
                for position, slot in slots[frame.number]:
                    if position not in begun:
                        begun[position] = np.empty((num_frames * PER_SEGMENT, *pixels_SSC.shape), np.uint8)
                    begun[position][slot] = pixels_SSC
            for position in ending[len(seen_s)]:
                yield from finished(position)
            if not open_positions:
                return seen_s, doubtful
    except BadVideo as fault:
        error = fault
    for position in sorted(open_positions):
        start, end = ranges[position]
        if error is None and end == 0 and start < len(seen_s):
            yield from finished(position)
        else:
            yield position, error or too_short(path, len(seen_s), end or start + 1)
    return seen_s, doubtful


def frames_kept(times_s: Sequence[float | None], start: int, end: int, num_frames: int) -> list[int]:
    """Numbers of the frames to keep of a clip: spread evenly over its time.

    That is :func:`fgsgl.data.clip_table.cached_frames`, unless some frame is shown more than a frame's time before or
    after it would be at a constant rate. Then a frame is kept if it is the one on the screen at a wanted time.

    Args:
        times_s: when each frame of the video is shown; None where that is not known.
        start: first frame of the clip.
        end: frame after its last; 0 for the video's end.
        num_frames: T, frames a recognizer sees.
    """
    end = end or len(times_s)
    if start >= end:
        return []
    numbers = cached_frames(start, end, num_frames)
    of_clip_s = [time for time in times_s[start:end] if time is not None]
    known = len(of_clip_s) == end - start > 1 and all(a < b for a, b in itertools.pairwise(of_clip_s))
    if not known:
        return numbers
    first_s, last_s = of_clip_s[0], of_clip_s[-1]
    step_s = (last_s - first_s) / (len(of_clip_s) - 1)
    if all(abs(time - first_s - index * step_s) <= step_s for index, time in enumerate(of_clip_s)):
        return numbers
    count, length_s = len(numbers), 2 * last_s - first_s - of_clip_s[-2]
    wanted_s = (first_s + (2 * index + 1) * length_s / (2 * count) for index in range(count))
    return [start + bisect.bisect_right(of_clip_s, time) - 1 for time in wanted_s]
