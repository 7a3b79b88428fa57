"""Parts that figures share: panels of rows, points with intervals, labels that do not touch. Sizes in inches.

Figures are drawn without pyplot's global state. A colour never carries a meaning alone: lines also differ in dash,
points in marker, bars in hatch and direction, and every line and row is named where it stands.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from fgsgl.report.drawing.labels import short
from fgsgl.style import COLOURS, GREY, INK, PALE

__all__ = [
    "BETTER", "DASHES", "MARKERS", "NARROW_IN", "ROW_IN", "WORSE", "Canvas", "canvas", "enlarged_panels", "label_ends",
    "marker_style", "name_rows", "name_ticks", "name_values", "points_with_intervals", "row_panels", "seed_colours",
    "spread",
]  # fmt: skip
BETTER, WORSE = COLOURS[:2]
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (9, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
NARROW_IN = 4.2
"""Width that fits a phone and, a little smaller, one column of a paper."""
PLOT_IN = 2.4
"""Width of the panels beside names, with their margins."""
LETTER_IN = 0.06
LONGEST = 56
"""Characters of a row's name."""
ROW_IN = 0.21
"""Height of a row of the board."""
NEAR = 5.0
"""Points within which nothing lies far out."""
ENLARGED = 0.5
"""Share of the whole scale below which the part that most rows fill is drawn again."""


def seed_colours(count: int) -> np.ndarray:
    """A colour for each of ``count`` seeds, ``colours_S4`` in RGBA: of as many as there are, none alike."""
    return colormaps["viridis"](np.linspace(0, 0.9, count))


def canvas(width_in: float, height_in: float) -> Canvas:
    """An empty figure that makes room for its labels."""
    return Canvas(figsize=(width_in, height_in), layout="constrained")


def row_panels(counts: Sequence[int], row_in: float = ROW_IN) -> tuple[Canvas, list[Axes]]:
    """Panels one below the other, one row of the board a line in each, the first on top; high as their rows need."""
    heights_in = [0.62 + row_in * count for count in counts]
    fig = canvas(NARROW_IN, sum(heights_in))
    axes = fig.subplots(len(counts), 1, squeeze=False, gridspec_kw={"height_ratios": heights_in})[:, 0]
    for panel, count in zip(axes, counts, strict=True):
        panel.set_ylim(count - 0.4, -0.6)
        panel.grid(axis="x")
    return fig, list(axes)


def enlarged_panels(
    labels: Sequence[str],
    values: Sequence[str],
    ends: Sequence[tuple[float, float]],
    row_in: float = ROW_IN,
    middle: float | None = None,
) -> tuple[Canvas, list[Axes]]:
    """Panels side by side over the same rows: the whole scale at the left and, where most intervals would shrink to
    points on it, the part that most rows fill at the right, which is shaded in the whole. As wide as its names need.

    Args:
        labels: name of each row, at the left.
        values: text of each row, at the right.
        ends: lowest and highest value of each row.
        middle: value that rows are near to or far from; None: that of the median row.
    """
    low_V, high_V = np.array(ends, dtype=float).T
    span = high_V.max() - low_V.min() or 1.0  # all rows may have one value, and no interval
    inside = _window(low_V, high_V, middle)
    is_split = inside is not None and inside[1] - inside[0] < ENLARGED * span
    labels = [short(label, LONGEST) for label in labels]
    letters = max(map(len, labels)) + max(map(len, values))
    fig = canvas(max(NARROW_IN, PLOT_IN + LETTER_IN * letters) + 1.7 * is_split, 0.62 + row_in * len(low_V))
    axes = fig.subplots(1, 1 + is_split, squeeze=False, sharey=True, width_ratios=(1, 1.5)[: 1 + is_split])[0]
    for panel in axes:
        panel.set_ylim(len(low_V) - 0.4, -0.6)
        panel.grid(axis="x")
    axes[0].set_xlim(low_V.min() - 0.05 * span, high_V.max() + 0.05 * span)
    if is_split and inside is not None:
        axes[0].axvspan(*inside, color=PALE, alpha=0.35, lw=0, zorder=0)
        axes[0].set_title("all")
        axes[1].set_xlim(*inside)
        axes[1].set_title("the shaded part, enlarged")
        axes[1].tick_params(axis="y", length=0, labelleft=False)
    name_ticks(axes[0], labels)
    name_values(axes[-1], values)
    return fig, list(axes)


def _window(low_V: np.ndarray, high_V: np.ndarray, middle: float | None) -> tuple[float, float] | None:
    """The scale of the rows that lie near the middle; None where none lies far out.

    The cut is at the largest step from one distance to the next, if that goes three times as far as all before it.
    """
    middle_V = (low_V + high_V) / 2
    distance_V = np.abs(middle_V - (np.median(middle_V) if middle is None else middle))
    steps = [(far / max(near, NEAR), far) for near, far in itertools.pairwise(np.sort(distance_V))]
    step, limit = max(steps, default=(0.0, 0.0))
    if step < 3:
        return None
    near_V = distance_V < limit
    low, high = low_V[near_V].min(), high_V[near_V].max()
    return float(low - 0.06 * (high - low)), float(high + 0.06 * (high - low))


def name_rows(axes: Axes, labels: Sequence[str], values: Sequence[str]) -> None:
    """Each row's label at its left, its value in numbers at its right."""
    name_ticks(axes, [short(label, 40) for label in labels])
    name_values(axes, values)


def name_values(axes: Axes, values: Sequence[str]) -> None:
    """A text a line at the right."""
    for y, value in enumerate(values):
        axes.text(1.02, y, value, transform=axes.get_yaxis_transform(), va="center", fontsize="small", color=INK)


def name_ticks(axes: Axes, labels: Sequence[str]) -> None:
    """A text a line at the left, of axes whose y axis has no label."""
    axes.set_yticks(range(len(labels)), labels)
    axes.yaxis.set_label_coords(0, 0.5)  # else every text is measured twice more, to find a label's place


def points_with_intervals(axes: Axes, points: pd.DataFrame, hollow: Sequence[bool]) -> None:
    """Draws a point a row: columns ``mean``, ``low``, ``high`` (NaN: none); coloured if its interval excludes 0."""
    y_V = np.arange(len(points))
    colour_V = np.select([points["low"] > 0, points["high"] < 0], [BETTER, WORSE], INK)
    axes.axvline(0, color=GREY, lw=1)
    axes.hlines(y_V, points["low"], points["high"], colors=colour_V.tolist(), lw=1.2)
    for end in ("low", "high"):
        axes.scatter(points[end], y_V, marker="|", c=colour_V, s=25, lw=1.2)
    axes.scatter(points["mean"], y_V, s=22, lw=1.1, zorder=3, ec=colour_V, c=np.where(hollow, "white", colour_V))
    axes.margins(x=0.08)


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], step_in: float = 0.13) -> None:
    """Writes names at the right of the axes, each led to its point ``(x, y, name, colour)``; they move apart."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes that are drawn have one
    height_in = axes.get_position().height * figure.get_size_inches()[1]
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


def marker_style(index: int) -> dict[str, Any]:
    """Colour and marker of the ``index``-th of many points; no two of the first 49 are alike."""
    turn = index // len(COLOURS)
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[(index + turn) % len(MARKERS)]}
