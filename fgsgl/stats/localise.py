"""Measures of where attention lies: the pointing game (Zhang et al. 2016, arXiv 1608.00507) and the energy inside a
region (Wang et al. 2020, arXiv 1910.01279), here over space and time.

Shapes: T frames, C colour channels, H x W pixels, G patches a side, P = G x G patches of a frame.
"""

from __future__ import annotations

import numpy as np


def cover_TP(mask_THW: np.ndarray, side: int) -> np.ndarray:
    """The share of each patch that the mask covers, 0..1; patches row by row.

    Raises:
        ValueError: if ``side`` patches do not divide the picture evenly.
    """
    frames, height, width = mask_THW.shape
    if height % side or width % side:
        raise ValueError(f"{height} x {width} pixels cannot be cut into {side} x {side} equal patches")
    blocks = mask_THW.reshape(frames, side, height // side, side, width // side)
    return blocks.mean((2, 4)).reshape(frames, side * side)


def saliency_TP(gradient_TCHW: np.ndarray, side: int) -> np.ndarray:
    """The gradient of a class score in the pixels as a map of patches: absolute, the largest channel of each pixel
    (Simonyan et al. 2014, arXiv 1312.6034), and the mean over the pixels of a patch. Even where all of it is zero."""
    map_TP = cover_TP(np.abs(gradient_TCHW).max(axis=1), side)
    return map_TP if map_TP.any() else np.ones_like(map_TP)


def centre_TP(frames: int, side: int) -> np.ndarray:
    """A map that knows nothing but where cameras point: a Gaussian at the centre of the picture in the middle of the
    clip, with a standard deviation of a quarter of each extent (ours)."""

    def bell(count: int) -> np.ndarray:
        place = (np.arange(count) + 0.5) / count - 0.5
        return np.exp(-(place**2) / (2 * 0.25**2))

    return np.einsum("t,h,w->thw", bell(frames), bell(side), bell(side)).reshape(frames, side * side)


def pointing_hit(attention_TP: np.ndarray, cover_TP: np.ndarray) -> bool:
    """Whether the mask reaches into the patch of the frame that gets the most attention."""
    return bool(cover_TP.flat[attention_TP.argmax()] > 0)


def energy_inside(attention_TP: np.ndarray, cover_TP: np.ndarray) -> float:
    """The share of the attention that lies on the mask, each patch's spread evenly over its pixels."""
    return float((attention_TP * cover_TP).sum() / attention_TP.sum())
