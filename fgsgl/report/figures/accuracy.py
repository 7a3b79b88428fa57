"""Top-1 of every row: each seed a dot, their mean and its interval. S seeds, V rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.drawing.axes import enlarged_panels, seed_colours
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import seeds_text
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.report.formatting import with_interval
from fgsgl.style import GREY, INK


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol: all rows on one scale and, where most lie close together, that part of it enlarged."""
    rows = [row for row in inputs.board.table.itertuples() if row.n_seeds and row.kind != "floor"]
    for suffix, group in by_protocol(rows):
        shown, remark = shown_rows(group)
        values = [{r.seed: 100 * r.metrics.top1 for r in inputs.scored(row)} for row in shown]
        fig, panels = enlarged_panels(
            [row.label for row in shown],
            [_text(row) for row in shown],
            [_ends(row, of) for row, of in zip(shown, values, strict=True)],
            row_in=0.24,
        )
        for axes in panels:
            _panel(axes, shown, values)
            axes.set_xlabel("top-1 (%)")
        yield Sheet(
            figure=fig,
            table=_table(inputs, group),
            caption=_caption(shown) + remark,
            suffix=suffix,
        )


FIGURE = Figure(name="accuracy", title="Top-1 of every row", draw=draw)


def _ends(row: Any, values: dict[int, float]) -> tuple[float, float]:
    """The lowest and the highest value that is drawn of a row."""
    low, high = 100 * row.top1_ci_low, 100 * row.top1_ci_high
    return float(np.nanmin([low, *values.values()])), float(np.nanmax([high, *values.values()]))


def _text(row: Any) -> str:
    return with_interval(100 * row.top1, 100 * row.top1_ci_low, 100 * row.top1_ci_high, row.interval_over)


def _panel(axes: Axes, rows: Sequence[Any], values: Sequence[dict[int, float]]) -> None:
    seeds = sorted(set().union(*values))
    # The same seed has the same height in every row, so that pairs can be seen without joining them.
    offset = dict(zip(seeds, np.linspace(-0.28, 0.28, len(seeds)), strict=True))
    colours_S = seed_colours(len(seeds))
    low, high = axes.get_xlim()
    for colour, seed in zip(colours_S, seeds, strict=True):
        points = [
            (value[seed], y + (offset[seed] if len(value) > 1 else 0))
            for y, value in enumerate(values)
            if seed in value
        ]
        axes.plot(*zip(*points, strict=True), "o", ms=2.6, mfc="none", mec=colour, mew=0.8)
    mean_V, low_V, high_V = 100 * np.array([(row.top1, row.top1_ci_low, row.top1_ci_high) for row in rows]).T
    colours, y_V = [GREY if row.kind == "ceiling" else INK for row in rows], np.arange(len(rows))
    axes.vlines(mean_V, y_V - 0.34, y_V + 0.34, colors=colours, lw=1.8)
    axes.hlines(y_V, low_V, high_V, colors=colours, lw=1)
    floor = 100 * rows[0].floor
    if low < floor < high:
        axes.axvline(floor, color=GREY, lw=1, ls=(0, (4, 2)), zorder=0)
    axes.set_xlim(low, high)


def _table(inputs: Inputs, rows: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {"row": row.label, "kind": row.kind, "seed": record.seed, "top1_pct": 100 * record.metrics.top1}
        for row in rows
        for record in inputs.scored(row)
    )


def _caption(rows: Sequence[Any]) -> str:
    counts, over = [int(row.n_seeds) for row in rows], {row.interval_over for row in rows}
    caption = f"Top-1 over the test split ({seeds_text(counts)}): a circle a seed, a bar their mean, a line its "
    caption += "95 % interval, Student t over seeds" if "seeds" in over else "95 % interval"
    if "subjects" in over:
        caption += ", and of single runs a bootstrap over clips, whole subjects resampled"
    if max(counts) > 1:
        caption += ". A seed has the same height and colour in every row"
    floor = f"{100 * rows[0].floor:.1f} %"
    return f"{caption}. Dashed, where the scale reaches it: the floor, the share of the largest test class ({floor})."
