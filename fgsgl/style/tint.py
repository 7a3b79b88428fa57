"""The tint of attention over frames. T frames, P = G x G patches of a frame, H x W pixels."""

from __future__ import annotations

import math

import numpy as np

BRIGHT = 3.0
"""Multiples of even attention that are drawn in full colour."""
TINT = np.array([255, 140, 0])


def tint_weight(relative_TP: np.ndarray, height: int, width: int) -> np.ndarray:
    """How much of the tint each pixel takes, ``weight_THW1`` in 0..1.

    Args:
        relative_TP: attention in multiples of an even one.
        height, width: of the frames.
    """
    side = math.isqrt(relative_TP.shape[1])
    rows_H, columns_W = np.arange(height) * side // height, np.arange(width) * side // width
    weight_TGG = (relative_TP / BRIGHT).clip(0, 1).reshape(-1, side, side)
    return weight_TGG[:, rows_H][:, :, columns_W, None]


def tinted(shade: np.ndarray | float, weight_THW1: np.ndarray, strength: float) -> np.ndarray:
    """The tint over shades of grey, uint8, with three values where the weight has one.

    Args:
        shade: 0..255, of the shape of the weight, or one for all.
        weight_THW1: of :func:`tint_weight`.
        strength: share of the tint where the weight is 1.
    """
    return (shade * (1 - strength * weight_THW1) + TINT * strength * weight_THW1).astype(np.uint8)
