"""Texts in figures: values with their interval, counts of seeds, names that fit their place."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np

from fgsgl.report.drawing.fonts import can_be_drawn
from fgsgl.report.formatting import number
from fgsgl.util.escaping import printable

FACTORS = {"fgsa": "FG-SA", "cpa": "CP-A", "lora": "LoRA"}
"""Factors whose name in the paper is another than in a command."""


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


def wrapped(text: str, width: int, lines: int = 2) -> str:
    """The text in lines of about so many characters; what is too long ends in dots, and loses nothing of its middle."""
    return "\n".join(textwrap.wrap(printable(text), width, max_lines=lines, placeholder=" …"))


def class_names(classes: Sequence[str], shown: Iterable[int], width: int, lines: int = 2) -> list[str]:
    """The names of classes as a figure writes them; ``class 7`` for one in a script that no font here holds."""
    return [
        wrapped(classes[index], width, lines) if can_be_drawn(printable(classes[index])) else f"class {index}"
        for index in shown
    ]


def undrawn_names(classes: Sequence[str], shown: Iterable[int]) -> str:
    """The end of a caption that names the classes for which :func:`class_names` writes a number; mostly empty."""
    gone = [f"class {index}: {classes[index]}" for index in shown if not can_be_drawn(printable(classes[index]))]
    return f" No font of this machine holds the names of {'; '.join(gone)}." if gone else ""


def factor_text(text: str) -> str:
    """``FG-SA × LoRA`` for ``fgsa x lora``: factors as the paper writes them."""
    named = re.sub(rf"\b({'|'.join(FACTORS)})\b", lambda found: FACTORS[found[0]], text)
    return re.sub(r" [x×] ", " × ", named)


def slug(text: str) -> str:
    """A part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "row"
