"""Numbers as text, and Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from fgsgl.util.escaping import markdown_text

EMPTY = "–"
Headings = list[tuple[str, bool]]
"""The text of each column's heading, and whether the column holds numbers."""


def percent(share: float) -> str:
    """0.4321 -> ``43.2``; a dash for a missing value."""
    return number(100 * share)


def number(value: float, digits: int = 1, sign: str = "") -> str:
    """Fixed digits, ``sign="+"`` for a difference; a dash for a missing value. What rounds to zero has no minus."""
    return EMPTY if value is None or math.isnan(value) else f"{value:{sign}z.{digits}f}".replace("-", "−")


def p_text(p: float) -> str:
    """Three digits; below what they can show, ``<0.001``."""
    return EMPTY if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def p_equals(p: float) -> str:
    """``p = 0.004``, or ``p <0.001``."""
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def plain(text: str) -> str:
    """The text, or a dash for none."""
    return text or EMPTY


def with_interval(value: float, low: float, high: float, over: str, sign: str = "") -> str:
    """``70.4 ± 1.7`` over seeds, whose interval lies even around the mean; ``70.4 [65.1, 74.9]`` over subjects."""
    text = number(value, sign=sign)
    if math.isnan(low):
        return text
    if over == "seeds":
        return f"{text} ± {(high - low) / 2:.1f}"
    return f"{text} [{number(low, sign=sign)}, {number(high, sign=sign)}]"


def numeric_headings(headings: Sequence[str], texts: int) -> Headings:
    """Headings whose first ``texts`` columns hold text, and all others numbers."""
    return [(heading, place >= texts) for place, heading in enumerate(headings)]


def markdown_table(headings: Headings, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table of plain texts; numbers stand to the right."""
    yield f"| {' | '.join(markdown_text(heading) for heading, _ in headings)} |"
    yield f"| {' | '.join('---:' if numeric else '---' for _, numeric in headings)} |"
    for row in rows:
        yield f"| {' | '.join(map(markdown_text, row))} |"
