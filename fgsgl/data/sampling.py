"""Which frames of a clip are read: segments in time, a few frames a segment.

A clip is divided into ``num_frames`` equal segments; ``PER_SEGMENT`` evenly spaced frames of each are kept in the
frame cache. Training takes a random one of each segment, evaluation always the same one (TSN's segment sampling,
arXiv 1608.00859, over a cache of bounded size).
"""

from __future__ import annotations

PER_SEGMENT = 2


def cached_frames(start_frame: int, end_frame: int, num_frames: int) -> list[int]:
    """Numbers of the ``num_frames * PER_SEGMENT`` frames to keep of ``[start_frame, end_frame)``, ascending.

    A clip shorter than that repeats frames.
    """
    count = num_frames * PER_SEGMENT
    length = end_frame - start_frame
    return [start_frame + (2 * index + 1) * length // (2 * count) for index in range(count)]


def evaluated_frames(start_frame: int, end_frame: int, num_frames: int) -> list[int]:
    """Those of them that a recognizer sees when it is evaluated: the last of each segment."""
    return cached_frames(start_frame, end_frame, num_frames)[PER_SEGMENT - 1 :: PER_SEGMENT]
