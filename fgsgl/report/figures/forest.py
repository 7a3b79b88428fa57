"""Forest plot: paired differences to FG-SGL with their intervals; tuned rows are compared with their default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.board.board import part_of
from fgsgl.report.board.comparisons import PRIMARY
from fgsgl.report.drawing.axes import name_rows, points_with_intervals, row_panels
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.row_groups import by_protocol, on_scales, row_families, shown_rows
from fgsgl.report.formatting import with_interval
from fgsgl.report.units import with_units

AGAINST = {False: "top-1 minus FG-SGL's (points)", True: "top-1 minus the same method's default (points)"}
"""Axis labels by whether rows are tuned."""
POINTS = ("diff_top1", "diff_ci_low", "diff_ci_high", "sim_low", "sim_high")
COLUMNS = ("label", *POINTS, "diff_over", "n_pairs", "contrast", "p_t", "p_holm", "p", "d_z", "wins")
"""Columns of the board's table in the figure's table."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, the largest gain on top; FG-SGL's variants stand on a scale of their own."""
    rows = [row for row in inputs.board.table.itertuples() if np.isfinite(row.diff_top1)]
    for suffix, group in by_protocol(rows):
        shown, remark = shown_rows(group)
        families = row_families(sorted(shown, key=lambda row: -row.diff_top1))
        parts = [part for name, rows in families for part in on_scales(name, rows, _reach)]
        fig, panels = row_panels([len(part) for _, part in parts])
        for axes, (name, part) in zip(panels, parts, strict=True):
            _panel(axes, part)
            if len(parts) > 1:
                axes.set_title(name)
        last = {part_of(part[0]) == "tuned": axes for axes, (_, part) in zip(panels, parts, strict=True)}
        for tuned, axes in last.items():
            axes.set_xlabel(AGAINST[tuned])
        table = pd.DataFrame(group)[list(COLUMNS)].sort_values("diff_top1", ascending=False, kind="stable")
        table = with_units(table, shares=("wins",), points=POINTS)
        yield Sheet(figure=fig, table=table, caption=_caption(shown) + remark, suffix=suffix)


FIGURE = Figure(name="forest", title="Paired differences to FG-SGL", draw=draw)


def _panel(axes: Axes, rows: Sequence[Any]) -> None:
    points = pd.DataFrame(
        [(row.diff_top1, *_interval(row)) for row in rows], columns=["mean", "low", "high"], dtype=float
    )
    points_with_intervals(axes, points, hollow=[row.contrast != PRIMARY for row in rows])
    values = [with_interval(row.diff_top1, *_interval(row), row.diff_over, sign="+") for row in rows]
    name_rows(axes, [row.label for row in rows], values)


def _reach(row: Any) -> float:
    """Distance from zero to the far end of the interval."""
    return np.nanmax(np.abs([row.diff_top1, *_interval(row)]))


def _interval(row: Any) -> tuple[float, float]:
    """Over seeds the simultaneous one, on which claims rest."""
    return (row.diff_ci_low, row.diff_ci_high) if row.diff_over == "subjects" else (row.sim_low, row.sim_high)


def _caption(rows: Sequence[Any]) -> str:
    kinds = {
        "seeds": "simultaneous Student t over seeds, for all rows of the board together",
        "subjects": "of single runs, bootstrap over clips, whole subjects resampled, each alone",
    }
    pairs = sorted({(row.diff_over, int(row.n_pairs)) for row in rows if row.diff_over})
    paired = f" ({', '.join(f'n = {n} {over}' for over, n in pairs)})" if pairs else ""
    tuned = " (of tuned rows minus their own method's default)" if "tuned" in map(part_of, rows) else ""
    caption = f"Top-1 of each row minus FG-SGL's{tuned}, in percentage points: the mean of paired differences{paired}"
    if pairs:
        over = "; ".join(text for kind, text in kinds.items() if kind in dict(pairs))
        caption += f" and its interval ({over}), coloured where it excludes 0"
    hollow = any(row.contrast != PRIMARY for row in rows)
    return f"{caption}.{' Hollow: exploratory, not declared before the board ran.' if hollow else ''}"
