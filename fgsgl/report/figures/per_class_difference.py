"""Recall of each class, minus FG-SGL's. C classes, S seeds, V rows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from fgsgl.records.record import Done
from fgsgl.records.row_key import RowKey
from fgsgl.report.board.board import REFERENCE, by_seed, part_of, row_key
from fgsgl.report.drawing.axes import BETTER, WORSE, Canvas, canvas, name_ticks
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import class_names, seeds_text, short, undrawn_names
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.stats.seeds import t_half_width
from fgsgl.style import GREY, INK

MOST_COLUMNS = 5
MOST_CLASSES = 60
"""Classes of which a figure shows bars; its table has them all."""
FARTHEST = 105.0
"""Points that a scale reaches: no difference of two recalls goes beyond 100, as the intervals of a few clips do."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol: the rows side by side, each on a scale of its own, which the largest bar sets."""
    compared = [row for row in inputs.board.table.itertuples() if np.isfinite(row.diff_top1)]
    rows = [row for row in compared if part_of(row) != "tuned"]
    for suffix, group in by_protocol(rows):
        shown, remark = shown_rows(group, MOST_COLUMNS)
        reference = {r.seed: r for r in inputs.board.scored[RowKey(*REFERENCE, *row_key(shown[0])[2:])]}
        first = next(iter(reference.values()))
        theirs_SC = _recalls(list(reference.values()))
        present = np.flatnonzero(np.isfinite(theirs_SC).all(axis=0))
        mine = [by_seed(inputs.scored(row), reference) for row in shown]
        mine_VSC = np.stack([_recalls([cells[seed] for seed in reference]) for cells in mine])
        sizes = [first.metrics.per_class[index].n for index in present]
        classes = class_names(first.data.classes, present, width=60, lines=1)
        names = [f"{name} ({n})" for name, n in zip(classes, sizes, strict=True)]
        table = _table((mine_VSC - theirs_SC)[:, :, present] * 100, [row.label for row in shown], names)
        interval = " with their 95 % paired t intervals" if len(reference) > 1 else ""
        caption = (
            f"Recall of each class minus FG-SGL's with the same seed, in percentage points: means over seeds "
            f"({seeds_text([len(reference)])}){interval}, not adjusted for the number of classes. Each "
            f"row has a scale of its own. Hatched: below FG-SGL. In brackets: the class's test clips.{remark}"
            f"{undrawn_names(first.data.classes, present)}"
        )
        drawn, some = _largest(table, len(shown), len(names))
        yield Sheet(figure=_figure(drawn, len(shown)), table=table, caption=caption + some, suffix=suffix)


FIGURE = Figure(name="per-class-difference", title="Recall by class, minus FG-SGL's", draw=draw)


def _recalls(records: Sequence[Done]) -> np.ndarray:
    """(S, C), NaN for a class without a clip."""
    return np.array([[row.recall for row in record.metrics.per_class] for record in records], dtype=float)


def _table(difference_VSC: np.ndarray, labels: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    halves = [t_half_width(column_S) for value_SC in difference_VSC for column_S in value_SC.T]
    return pd.DataFrame(
        {"row": np.repeat(labels, len(classes)), "class": list(classes) * len(labels),
         "difference_points": difference_VSC.mean(axis=1).ravel(),
         "half_width": np.array(halves, dtype=float), "n": difference_VSC.shape[1]}
    )  # fmt: skip


def _largest(table: pd.DataFrame, n_rows: int, n_classes: int) -> tuple[pd.DataFrame, str]:
    """The part of the table whose bars are drawn, and a sentence where classes are left out."""
    if n_classes <= MOST_CLASSES:
        return table, ""
    size_C = table["difference_points"].abs().to_numpy().reshape(n_rows, n_classes).max(axis=0)
    chosen = np.isin(np.arange(n_classes), np.argsort(-size_C, kind="stable")[:MOST_CLASSES])
    return table[np.tile(chosen, n_rows)], f" {MOST_CLASSES} of {n_classes} classes are shown, the largest differences."


def _figure(table: pd.DataFrame, n_rows: int) -> Canvas:
    n_classes = len(table) // n_rows
    mean_VC = table["difference_points"].to_numpy().reshape(n_rows, n_classes)
    half_VC = np.nan_to_num(table["half_width"].to_numpy()).reshape(n_rows, n_classes)
    fig = canvas(3.2 + 1.05 * n_rows, 0.9 + 0.17 * n_classes)
    panels = fig.subplots(1, n_rows, sharey=True, squeeze=False)[0]
    y_C = np.arange(n_classes)
    for axes, mean_C, half_C, label in zip(panels, mean_VC, half_VC, table["row"][::n_classes], strict=True):
        hatches = ["////" if mean < 0 else "" for mean in mean_C]
        colours = np.where(mean_C < 0, WORSE, BETTER)
        axes.barh(y_C, mean_C, height=0.7, color=colours, hatch=hatches, ec="white", alpha=0.8, lw=0)
        axes.hlines(y_C, mean_C - half_C, mean_C + half_C, color=INK, lw=0.8)
        axes.axvline(0, color=GREY, lw=0.8)
        axes.set_title("\n".join(textwrap.wrap(short(label, 44), 15)), fontsize="small", loc="center")
        # Only the widest intervals of small classes run out of their panel, so that the bars stay readable.
        reach = min(FARTHEST, max(2.0, 1.5 * np.abs(mean_C).max(), np.quantile(np.abs(mean_C) + half_C, 0.9)))
        axes.set_xlim(-reach, reach)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3, symmetric=True))
        axes.grid(axis="both")
    name_ticks(panels[0], table["class"][:n_classes])
    panels[0].set_ylim(n_classes - 0.4, -0.6)
    fig.supxlabel("recall minus FG-SGL's (percentage points)", fontsize=8)
    return fig
