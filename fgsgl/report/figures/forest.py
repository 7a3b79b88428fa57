"""Forest plot: paired differences to FG-SGL with their intervals; tuned rows are compared with their default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.board.board import part_of
from fgsgl.report.board.comparisons import PRIMARY, claimed_interval
from fgsgl.report.drawing.axes import enlarged_panels, points_with_intervals
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.report.formatting import with_interval
from fgsgl.report.units import with_units

AGAINST = {False: "top-1 minus FG-SGL's (points)", True: "top-1 minus the default's (points)"}
"""Axis labels by whether rows are tuned."""
POINTS = ("diff_top1", "diff_ci_low", "diff_ci_high", "sim_low", "sim_high")
COLUMNS = ("label", *POINTS, "diff_over", "n_pairs", "contrast", "p_t", "p_holm", "p", "d_z", "wins")
"""Columns of the board's table in the figure's table."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, the largest gain on top, and one of its tuned rows: all on one scale and, where most lie
    close together, that part of it enlarged."""
    rows = [row for row in inputs.board.table.itertuples() if np.isfinite(row.diff_top1)]
    for suffix, group in _apart(rows):
        shown, remark = shown_rows(group)
        shown = sorted(shown, key=lambda row: -row.diff_top1)
        fig, panels = enlarged_panels(
            [row.label for row in shown],
            [with_interval(row.diff_top1, *claimed_interval(row), row.diff_over, sign="+") for row in shown],
            [_ends(row) for row in shown],
            middle=0.0,
        )
        for axes in panels:
            limits = axes.get_xlim()
            _panel(axes, shown)
            axes.set_xlim(limits)
        fig.supxlabel(AGAINST["tuned" in map(part_of, shown)], fontsize=8)
        table = pd.DataFrame(group)[list(COLUMNS)].sort_values("diff_top1", ascending=False, kind="stable")
        table = with_units(table, shares=("wins",), points=POINTS)
        yield Sheet(figure=fig, table=table, caption=_caption(shown) + remark, suffix=suffix)


FIGURE = Figure(name="forest", title="Paired differences to FG-SGL", draw=draw)


def _apart(rows: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The rows of each protocol, tuned ones apart: they are compared with something else."""
    for part, more in ((False, ""), (True, "-tuned")):
        for suffix, group in by_protocol(row for row in rows if (part_of(row) == "tuned") == part):
            yield f"{suffix}{more}", group


def _panel(axes: Axes, rows: Sequence[Any]) -> None:
    points = pd.DataFrame(
        [(row.diff_top1, *claimed_interval(row)) for row in rows], columns=["mean", "low", "high"], dtype=float
    )
    points_with_intervals(axes, points, hollow=[row.contrast != PRIMARY for row in rows])


def _ends(row: Any) -> tuple[float, float]:
    """The lowest and the highest value that is drawn of a row."""
    values = [row.diff_top1, *claimed_interval(row)]
    return float(np.nanmin(values)), float(np.nanmax(values))


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
