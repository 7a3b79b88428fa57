"""Texts in figures: values with their interval, counts of seeds, names that fit their place."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from fgsgl.report.formatting import number
from fgsgl.util.escaping import printable


def plus_minus(mean: float, half_width: float | None, sign: str = "") -> str:
    """``+1.2 ± 0.3``, or the mean alone where there is no interval."""
    half = "" if half_width is None or np.isnan(half_width) else f" ± {half_width:.1f}"
    return f"{number(mean, sign=sign)}{half}"


def seeds_text(counts: Iterable[int]) -> str:
    """``n = 5 seeds``, ``n = 3 to 5 seeds``."""
    counts = sorted(set(counts))
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"n = {span} seed{'s' * (counts[-1] > 1)}"


def short(text: str, length: int = 36) -> str:
    """One line of at most so many characters, without its middle where it is longer: variants differ at their ends."""
    text = printable(text)
    head = 3 * length // 5
    return text if len(text) <= length else f"{text[:head]}…{text[head + 1 - length :]}"


def slug(text: str) -> str:
    """A part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "row"
