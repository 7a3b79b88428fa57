"""Top-1 of a row as a dot with its interval, drawn into the table as inline SVG without any style or script."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from fgsgl.report.board.answer import tied_with_best
from fgsgl.report.board.rows import REFERENCE, part_of

WIDTH, HEIGHT = 200, 20
"""Units of the drawing: CSS pixels where it is shown in full width."""
EDGE = 6
STEPS = (0.5, 1, 2, 5, 10, 20)
MOST_TICKS = 6
NARROWEST = 0.05
"""Share of the scale below which an interval disappears behind its dot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """The scale that all rows of one protocol share, in percent."""

    low: float
    high: float
    ticks: tuple[float, ...]
    lines: tuple[tuple[str, float], ...]
    """Floors, ceilings and the reference: CSS class and place of each line."""

    def x(self, value: float) -> float:
        """The place of a percentage on the scale; outside it, the scale's end."""
        value = min(max(value, self.low), self.high)
        return round(EDGE + (WIDTH - 2 * EDGE) * (value - self.low) / (self.high - self.low), 1)


class Plotted(NamedTuple):
    """What is drawn of a row that is not on the board, named as there."""

    Index: int
    n_seeds: int
    top1: float
    """Whatever share is drawn."""
    top1_ci_low: float
    top1_ci_high: float
    method: str
    variant: str
    dataset: str
    preset: str
    protocol: str
    kind: str

    @classmethod
    def of_regime(cls, line: Any, index: int) -> Plotted:
        """A row of a regime in one measure (:class:`fgsgl.report.regimes.evaluate.Line`)."""
        ends = (line.mean / 100, (line.mean - line.half_width) / 100, (line.mean + line.half_width) / 100)
        return cls(index, line.n, *ends, line.method, line.variant, line.dataset, line.preset, line.protocol, line.kind)


def scale_of(rows: Sequence[Any], best: Collection[int]) -> Scale | None:
    """The scale of a protocol's rows; None where nothing is scored.

    It spans all rows. Where that would shrink the intervals of most rows to points, it spans those that cannot be told
    apart from the best (their indices ``best``), and what lies outside is drawn as a triangle at its end.
    """
    scored = [row for row in rows if row.n_seeds]
    ends = _ends(scored)
    if not ends:
        return None
    half = np.nanmedian([100 * (row.top1_ci_high - row.top1_ci_low) for row in scored] + [0.0]) / 2
    near = [row for row in scored if row.Index in best]
    if half < NARROWEST * (max(ends) - min(ends)) and len(near) > 1:
        ends = _ends(near)
        ends += [min(ends) - half, max(ends) + half]
    step = next((step for step in STEPS if (max(ends) - min(ends)) / step <= MOST_TICKS), STEPS[-1])
    low, high = math.floor(min(ends) / step) * step, math.ceil(max(ends) / step) * step
    # An interval may end beyond what a share can be.
    low, high = max(low, 0), min(max(high, low + step), 100)
    low = min(low, high - step)
    ticks = tuple(low + step * index for index in range(round((high - low) / step) + 1))
    lines = [(part_of(row), 100 * row.top1) for row in scored if part_of(row) in ("floor", "ceiling")]
    lines += [("reference", 100 * row.top1) for row in scored if (row.method, row.variant) == REFERENCE]
    lines = [(name, place) for name, place in lines if low <= place <= high]
    return Scale(low=low, high=high, ticks=ticks, lines=tuple(dict.fromkeys(lines)))


def _ends(rows: Sequence[Any]) -> list[float]:
    return [end for row in rows for end in (100 * row.top1, *_interval(row)) if np.isfinite(end)]


def scales_of(table: pd.DataFrame) -> dict[str, Scale]:
    """The scale of each protocol of a board's table that has one."""
    rows, best = list(table.itertuples()), tied_with_best(table)
    found = {name: scale_of([row for row in rows if row.protocol == name], best) for name in table["protocol"].unique()}
    return {name: scale for name, scale in found.items() if scale is not None}


def row_plot(row: Any, scale: Scale) -> Markup:
    """The drawing of one row; nothing where it has no top-1. Screen readers get the numbers of the next column."""
    if not row.n_seeds:
        return Markup("")
    low, high = _interval(row)
    middle = HEIGHT / 2
    parts = [_line(name, scale.x(place), 0, scale.x(place), HEIGHT) for name, place in scale.lines]
    if np.isfinite(low) and high > scale.low and low < scale.high:
        parts.append(_line("interval", scale.x(low), middle, scale.x(high), middle))
    value = 100 * row.top1
    if scale.low <= value <= scale.high:
        parts.append(f'<circle cx="{scale.x(value):g}" cy="{middle:g}" r="3.5"/>')
    else:
        x, back = (EDGE - 4, 5) if value < scale.low else (WIDTH - EDGE + 4, -5)
        parts.append(f'<path d="M{x} {middle:g}l{back} -3.5v7z"/>')
    return _svg(f"plot {part_of(row)}", HEIGHT, parts)


def axis(scale: Scale) -> Markup:
    """The axis above the rows: ticks with their percentages."""
    texts = [f'<text x="{scale.x(tick)}" y="10" text-anchor="middle">{tick:g}</text>' for tick in scale.ticks]
    return _svg("axis", 14, texts)


def _interval(row: Any) -> tuple[float, float]:
    return 100 * row.top1_ci_low, 100 * row.top1_ci_high


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _svg(name: str, height: int, parts: Sequence[str]) -> Markup:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return Markup(f'<svg class="{name}" {size} aria-hidden="true">{"".join(parts)}</svg>')
