"""Videos that show the same recording, also where one was encoded anew: found by small pictures of a few frames.

Two clips of one person on one chair look alike too. So pictures of two videos must be closer to one another than each
video's pictures are among themselves: two different recordings never move alike, and a static one is not judged.

Shapes: V videos, B of a block, E alike pairs, S sampled frames, P pixels of a small picture.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

SAMPLES = 6
SIDE = 16
"""Side of a small picture, in pixels."""
CLOSE = 2.5
"""Most grey levels (root mean square) between two encodings of a frame; encoders change single pixels by more, but not
the mean over hundreds of them."""
SHARE_OF_MOTION = 0.5
"""Two videos differ less than this share of what the frames of each differ among themselves."""
LENGTHS = 0.03
"""Largest relative difference of the numbers of frames."""
BLOCK = 512


def sampled(count: int) -> list[int]:
    """The frames of which small pictures are taken, spread evenly over a video of ``count`` frames."""
    return sorted({(2 * index + 1) * count // (2 * SAMPLES) for index in range(SAMPLES)}) if count else []


def small(frame_HWC: np.ndarray) -> bytes:
    """A small picture, grey, of a frame that is ``SIDE`` pixels high and wide."""
    return frame_HWC.mean(-1).round().astype(np.uint8).tobytes()


def text_of(pictures: Iterable[bytes]) -> str:
    """Small pictures as text, for a cache."""
    return base64.b64encode(b"".join(pictures)).decode()


def lookalikes(pictures: Mapping[str, str], lengths: Mapping[str, int]) -> list[list[str]]:
    """Groups of videos that show the same recording.

    Args:
        pictures: of each video, as :func:`text_of` gives them; a video without all samples is in no group.
        lengths: frames of each video.
    """
    names, rows = [], []
    for name, text in sorted(pictures.items(), key=lambda item: (lengths[item[0]], item[0])):  # by length
        content = base64.b64decode(text)
        if len(content) == SAMPLES * SIDE**2:
            names.append(name)
            rows.append(np.frombuffer(content, np.uint8))
    if len(names) < 2:
        return []
    seen_VSP = np.stack(rows).reshape(len(names), SAMPLES, -1).astype(np.float32)
    seen_VSP -= seen_VSP.mean(-1, keepdims=True)  # another brightness is no other recording
    motion_V = np.sqrt(np.square(seen_VSP - seen_VSP.mean(1, keepdims=True)).mean((1, 2)))
    frames_V = np.array([lengths[name] for name in names], np.float32)
    flat_VX = seen_VSP.reshape(len(names), -1)
    squares_V = np.square(flat_VX).sum(1)
    first_V = np.arange(len(names))
    for start in range(0, len(names), BLOCK):
        part = slice(start, start + BLOCK)
        longest = frames_V[part][-1] / (1 - LENGTHS)
        rest = slice(start, int(np.searchsorted(frames_V, longest, side="right")))  # each pair once
        square_BV = squares_V[part, None] + squares_V[rest] - 2 * flat_VX[part] @ flat_VX[rest].T
        apart_BV = np.sqrt(np.maximum(square_BV, 0) / flat_VX.shape[1])
        least_BV = np.minimum(CLOSE, SHARE_OF_MOTION * np.minimum(motion_V[part, None], motion_V[rest]))
        longer_BV = np.maximum(frames_V[part, None], frames_V[rest])
        alike_BV = (apart_BV < least_BV) & (np.abs(frames_V[part, None] - frames_V[rest]) <= LENGTHS * longer_BV)
        first_V = _joined(first_V, start, alike_BV)
    groups: dict[int, list[str]] = defaultdict(list)
    for first, name in zip(first_V.tolist(), names, strict=True):
        groups[first].append(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _joined(first_V: np.ndarray, start: int, alike_BV: np.ndarray) -> np.ndarray:
    """The first video of each one's group, when the pairs of a block are joined to the groups found before.

    Args:
        first_V: the same before.
        start: the block's first video.
        alike_BV: whether a video of the block and one from ``start`` on are alike.
    """
    row_E, other_E = np.nonzero(alike_BV)
    if len(row_E) == len(alike_BV):  # each is alike to itself alone
        return first_V
    from scipy.sparse import coo_array  # whoever reads videos imports this module, and few videos are alike
    from scipy.sparse.csgraph import connected_components

    count = len(first_V)
    ends_2E = np.r_[row_E + start, np.arange(count)], np.r_[other_E + start, first_V]
    links = coo_array((np.ones(len(ends_2E[0]), bool), ends_2E), shape=(count, count))
    _, group_V = connected_components(links, directed=False)
    return np.unique(group_V, return_index=True)[1][group_V]
