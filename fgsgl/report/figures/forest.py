"""Forest plot: every row's paired difference to FG-SGL with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report import drawing
from fgsgl.report.board import REFERENCE, by_seed, row_key
from fgsgl.report.drawing import BETTER, GREY, INK, WORSE, plus_minus
from fgsgl.report.figures import Inputs, Sheet
from fgsgl.stats.seeds import smallest_p, t_half_width

NAME = "forest"
TITLE = "Paired differences to FG-SGL"


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, the largest gain on top; FG-SGL's variants stand on a scale of their own."""
    rows = [row for row in inputs.board.table.itertuples() if np.isfinite(row.diff_top1)]
    for suffix, group in drawing.by_protocol(rows):
        shown, remark = drawing.few(group)
        table = _table(inputs, group)
        parts = drawing.families(sorted(shown, key=lambda row: -row.diff_top1))
        fig, panels = drawing.row_panels([len(part) for _, part in parts])
        for axes, (name, part) in zip(panels, parts, strict=True):
            _panel(axes, table.set_index("row").loc[[row.label for row in part]].reset_index())
            if len(parts) > 1:
                axes.set_title(name)
        panels[-1].set_xlabel("top-1 minus FG-SGL's (percentage points)")
        yield Sheet(figure=fig, table=table, caption=_caption(table) + remark, suffix=suffix)


def _table(inputs: Inputs, rows: Sequence[Any]) -> pd.DataFrame:
    reference = {r.seed: r for r in inputs.board.scored[(*REFERENCE, *row_key(rows[0])[2:])]}
    table = []
    for row in sorted(rows, key=lambda row: -row.diff_top1):
        mine = by_seed(inputs.scored(row), reference)
        points_S = [100 * (mine[seed].metrics["top1"] - r.metrics["top1"]) for seed, r in reference.items()]
        half = t_half_width(points_S)
        table.append(
            {"row": row.label, "variant_of": row.method, "n": len(points_S), "difference_points": np.mean(points_S),
             "half_width": np.nan if half is None else half, "smallest_p": smallest_p(len(points_S))}
        )  # fmt: skip
    return pd.DataFrame(table)


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    axes.axvline(0, color=GREY, lw=1)
    for y, row in enumerate(table.itertuples()):
        surely = row.half_width < abs(row.difference_points)
        colour = (BETTER if row.difference_points > 0 else WORSE) if surely else INK
        axes.errorbar(
            row.difference_points, y, xerr=row.half_width, fmt="o", ms=4.5, color=colour, elinewidth=1.2, capsize=2,
            mfc="white" if row.smallest_p > 0.05 else colour,
        )  # fmt: skip
    axes.margins(x=0.08)
    values = [plus_minus(row.difference_points, row.half_width, sign="+") for row in table.itertuples()]
    drawing.name_rows(axes, list(table["row"]), values)


def _caption(table: pd.DataFrame) -> str:
    caption = f"Top-1 of each row minus that of FG-SGL with the same seed, in percentage points ({drawing.seeds_text(table['n'])})"
    if table["n"].max() > 1:
        caption += ": the mean and its 95 % paired t interval, coloured where that excludes 0; not adjusted for the "
        caption += "number of rows"
    weak = sorted(set(table.loc[table["smallest_p"] > 0.05, "n"]))
    hollow = "".join(
        f" Hollow: the exact sign-flip test cannot reach p < 0.05 with n = {n} (at best {smallest_p(n):.2g})."
        for n in weak
    )
    return f"{caption}.{hollow}"
