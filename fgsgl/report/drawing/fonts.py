"""Fonts of figures: the one that comes with matplotlib, then those of the system that hold other scripts."""

from __future__ import annotations

import functools

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FIRST = "DejaVu Sans"
"""Comes with matplotlib; Latin, Greek, Cyrillic, Arabic and Hebrew letters."""
FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC", "Hiragino Sans", "Yu Gothic", "Malgun Gothic", "Noto Sans Devanagari", "Noto Sans Thai",
    "Arial Unicode MS", "Unifont",
)  # fmt: skip


@functools.cache
def families() -> tuple[str, ...]:
    """The families that are there, the first one first."""
    there = {font.name for font in font_manager.fontManager.ttflist}
    return (FIRST, *(name for name in FALLBACKS if name in there))


@functools.cache
def _characters() -> frozenset[int]:
    found: set[int] = set()
    for name in families():
        path = font_manager.findfont(font_manager.FontProperties(family=name), fallback_to_default=False)
        found |= FT2Font(path).get_charmap().keys()
    return frozenset(found)


def can_be_drawn(text: str) -> bool:
    """Whether a font holds every character; one that none holds would be a box."""
    return text.isascii() or all(ord(char) in _characters() for char in text if not char.isspace())
