"""Top-1 of every row by test subject. J subjects, S seeds, V rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from fgsgl.records.record import Done
from fgsgl.report.board.predicted_classes import PredictionCache
from fgsgl.report.drawing.axes import Canvas, canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import seeds_text, short
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.style import INK

MOST_STRIPS = 20
MOST_NUMBERED = 30
"""Subjects up to which a cell holds its number."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, a heat map: a line a row, a column a subject."""
    for suffix, group in by_protocol(inputs.with_predictions()):
        rows, remark = shown_rows(group, MOST_STRIPS)
        strips = [by_subject(inputs.scored(row), inputs.board.predictions) for row in rows]
        if strips[0].size < 2:
            continue
        table = pd.DataFrame(strips, index=[row.label for row in rows])
        table = table[table.mean().sort_values().index]  # the hardest subject first
        counts = [len(inputs.scored(row)) for row in rows]
        caption = (
            f"Top-1 of each of the {table.shape[1]} test subjects, mean over seeds ({seeds_text(counts)}); the subject "
            f"that is hardest on average stands first.{remark}"
        )
        csv = table.rename_axis("row").reset_index()
        yield Sheet(figure=_figure(table), table=csv, caption=caption, suffix=suffix)


FIGURE = Figure(name="subjects", title="Top-1 by test subject", draw=draw)


def by_subject(seeds: Sequence[Done], predictions: PredictionCache) -> pd.Series:
    """Top-1 in percent of each test subject, mean over the seeds of a row."""
    read = [predictions.read(record) for record in seeds]
    means = [pd.Series(100.0 * one.correct_N).groupby(one.subject_N).mean() for one in read if one is not None]
    return pd.concat(means, axis=1).mean(axis=1)


def _figure(table: pd.DataFrame) -> Canvas:
    value_VJ = table.to_numpy()
    n_rows, n_subjects = value_VJ.shape
    numbered = n_subjects <= MOST_NUMBERED
    cell_in = 0.3 if numbered else max(0.08, 6.0 / n_subjects)
    fig = canvas(2.6 + cell_in * n_subjects, 1.2 + 0.21 * n_rows)
    axes = fig.subplots()
    mesh = axes.pcolormesh(value_VJ, cmap="cividis")
    axes.set(ylim=(n_rows, 0), xlim=(0, n_subjects))
    axes.spines[:].set_visible(False)
    axes.set_yticks(np.arange(n_rows) + 0.5, [short(label, 40) for label in table.index])
    every = 1 if numbered else max(1, n_subjects // 20)
    axes.set_xticks(np.arange(0, n_subjects, every) + 0.5, [short(str(name), 14) for name in table.columns[::every]])
    axes.tick_params(length=0)
    axes.tick_params(axis="x", labelrotation=45)
    bar = fig.colorbar(mesh, ax=axes, label="top-1 of a subject (%)", location="top", aspect=40, pad=0.02, shrink=0.7)
    bar.outline.set_visible(False)
    if numbered:
        middle = (value_VJ.min() + value_VJ.max()) / 2
        for (row, column), value in np.ndenumerate(value_VJ):
            colour = "white" if value < middle else INK
            axes.text(column + 0.5, row + 0.52, f"{value:.0f}", ha="center", va="center", fontsize=5.5, color=colour)
    axes.set_xlabel("test subject, the hardest on average first")
    return fig
