"""What the figures share: colours, sizes in inches, and texts that fit.

Everything is drawn without pyplot, so nothing is global. A colour never carries a meaning alone: lines also differ in
dash, points in marker, bars in hatch and direction, and every line and row is named where it stands.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fgsgl.report.board import rows as rows_of
from fgsgl.report.board.board import REFERENCE, part_of
from fgsgl.report.formatting import number
from fgsgl.style import COLOURS, GREY, INK
from fgsgl.util.escaping import printable

BETTER, WORSE = COLOURS[:2]
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (9, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
NARROW_IN = 4.2
"""Width that fits a phone and, a little smaller, one column of a paper."""
ROW_IN = 0.21
TUNED_TITLE = "tuned rows"
NEAR = 5.0
"""Points within which nothing lies far out."""
MOST_ROWS = 40
"""Rows that one figure shows; a board's tables have them all."""


def canvas(width_in: float, height_in: float) -> Figure:
    """An empty figure that makes room for its labels."""
    return Figure(figsize=(width_in, height_in), layout="constrained")


def row_panels(counts: Sequence[int], row_in: float = ROW_IN) -> tuple[Figure, list[Axes]]:
    """Panels one below the other, one row of the board a line in each, the first on top; high as their rows need."""
    heights_in = [0.62 + row_in * count for count in counts]
    fig = canvas(NARROW_IN, sum(heights_in))
    axes = fig.subplots(len(counts), 1, squeeze=False, gridspec_kw={"height_ratios": heights_in})[:, 0]
    for panel, count in zip(axes, counts, strict=True):
        panel.set_ylim(count - 0.4, -0.6)
        panel.grid(axis="x")
    return fig, list(axes)


def name_rows(axes: Axes, labels: Sequence[str], values: Sequence[str]) -> None:
    """Each row's label at its left, its value in numbers at its right."""
    name_ticks(axes, [short(label, 40) for label in labels])
    for y, value in enumerate(values):
        axes.text(1.02, y, value, transform=axes.get_yaxis_transform(), va="center", fontsize="small", color=INK)


def name_ticks(axes: Axes, labels: Sequence[str]) -> None:
    """A text a line at the left, of axes whose y axis has no label."""
    axes.set_yticks(range(len(labels)), labels)
    axes.yaxis.set_label_coords(0, 0.5)  # else every text is measured twice more, to find a label's place


def points_with_intervals(axes: Axes, points: pd.DataFrame, hollow: Sequence[bool]) -> None:
    """A row a point: columns ``mean``, ``low``, ``high`` (nan: none); coloured where its interval excludes 0."""
    y_V = np.arange(len(points))
    colour_V = np.select([points["low"] > 0, points["high"] < 0], [BETTER, WORSE], INK)
    axes.axvline(0, color=GREY, lw=1)
    axes.hlines(y_V, points["low"], points["high"], colors=colour_V, lw=1.2)
    for end in ("low", "high"):
        axes.scatter(points[end], y_V, marker="|", c=colour_V, s=25, lw=1.2)
    axes.scatter(points["mean"], y_V, s=22, lw=1.1, zorder=3, ec=colour_V, c=np.where(hollow, "white", colour_V))
    axes.margins(x=0.08)


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], step_in: float = 0.13) -> None:
    """Writes names at the right of the axes, each led to its point ``(x, y, name, colour)``; they move apart."""
    height_in = axes.get_position().height * axes.figure.get_size_inches()[1]
    ends = sorted(ends, key=lambda end: end[1])
    low, high = axes.get_ylim()
    places = spread([end[1] for end in ends], step_in / height_in * (high - low), low, high)
    width = np.ptp(axes.get_xlim())
    right = axes.get_xlim()[1] + 0.05 * width
    for (x, y, text, colour), place in zip(ends, places, strict=True):
        # No annotation with an arrow: to find where that leaves its text takes half of a figure's time.
        axes.add_artist(Line2D([x, right], [y, place], color=colour, lw=0.8, clip_on=False))
        axes.text(right + 0.01 * width, place, short(text, 28), color=INK, fontsize="small", va="center")


def spread(values: Sequence[float], step: float, low: float, high: float) -> list[float]:
    """Places for rising values, at least ``step`` apart and as near to them as that allows, below ``high`` if they fit.

    Where they do not fit between ``low`` and ``high``, they begin at ``low`` and run over.
    """
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + step) if places else max(value, low))
    for index in reversed(range(len(places))):
        places[index] = min(places[index], high - step * (len(places) - 1 - index))
    if places and places[0] < low:
        places = [low + step * index for index in range(len(places))]
    return places


def few(rows: Iterable[Any], most: int = MOST_ROWS) -> tuple[list[Any], str]:
    """As :func:`fgsgl.report.board.rows.few`; the remark as a caption goes on with it."""
    shown, remark = rows_of.few(rows, most)
    return shown, f" {remark}." if remark else ""


def families(rows: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """FG-SGL with its variants, everything else, and tuned rows: they differ so much, or in what was done for them,
    that each needs a scale of its own."""
    tuned = [row for row in rows if part_of(row) == "tuned"]
    default = [row for row in rows if part_of(row) != "tuned"]
    own = [row for row in default if row.method == REFERENCE[0]]
    others = [row for row in default if row.method != REFERENCE[0]]
    named = [("FG-SGL and its variants", own), ("other rows", others), (TUNED_TITLE, tuned)]
    return [(name, group) for name, group in named if group]


def on_scales(name: str, rows: Sequence[Any], reach: Callable[[Any], float]) -> Iterator[tuple[str, list[Any]]]:
    """The rows under their name, or in two parts where some lie so far out that the others' intervals would shrink to
    points.

    Args:
        reach: How far out a row lies, in points. The cut is at the largest step from one row to the next, if that goes
            three times as far as all before it.
    """
    steps = [(far / max(near, NEAR), far) for near, far in itertools.pairwise(sorted(map(reach, rows)))]
    step, limit = max(steps, default=(0.0, 0.0))
    if step < 3:
        yield name, list(rows)
    else:
        yield name, [row for row in rows if reach(row) < limit]
        yield f"{name}: far out", [row for row in rows if reach(row) >= limit]


def by_protocol(rows: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The rows of each protocol, with what its figure's file name ends in: nothing where there is one protocol."""
    rows = list(rows)
    protocols = sorted({row.protocol for row in rows})
    for protocol in protocols:
        suffix = f"-{slug(protocol[:6])}" if len(protocols) > 1 else ""
        yield suffix, [row for row in rows if row.protocol == protocol]


def look(index: int) -> dict[str, Any]:
    """Colour and marker of the ``index``-th of many points; no two of the first 49 are alike."""
    turn = index // len(COLOURS)
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[(index + turn) % len(MARKERS)]}


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
