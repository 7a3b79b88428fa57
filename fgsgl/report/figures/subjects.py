"""Top-1 of every row by test subject. J subjects, S seeds, V rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from fgsgl.records.record import Done
from fgsgl.report.board.predicted_classes import PredictionCache
from fgsgl.report.drawing.axes import Canvas, name_rows, row_panels
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import seeds_text
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.style import INK

MOST_STRIPS = 20


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol: a strip of dots a row, the subjects in the same order of height in each."""
    for suffix, group in by_protocol(inputs.with_predictions()):
        rows, remark = shown_rows(group, MOST_STRIPS)
        strips = [by_subject(inputs.scored(row), inputs.board.predictions) for row in rows]
        if strips[0].size < 2:
            continue
        table = pd.DataFrame(strips, index=[row.label for row in rows])
        table = table[table.mean().sort_values().index]  # the hardest subject first
        counts = [len(inputs.scored(row)) for row in rows]
        caption = (
            f"Top-1 of each of the {table.shape[1]} test subjects, mean over seeds ({seeds_text(counts)}); a bar is "
            "the mean of the subjects, and at the right stand the lowest and the highest. A subject has the same "
            f"height and shade in every row, the one that is hardest on average on top and darkest.{remark}"
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
    fig, (axes,) = row_panels([len(table)], row_in=0.28)
    value_VJ = table.to_numpy()
    n_subjects = value_VJ.shape[1]
    y_VJ = np.arange(len(table))[:, None] + np.linspace(-0.33, 0.33, n_subjects)
    shade_VJ = np.broadcast_to(np.linspace(0, 0.85, n_subjects), value_VJ.shape)
    axes.scatter(value_VJ, y_VJ, c=shade_VJ, cmap="cividis", vmin=0, vmax=1, s=9, lw=0)
    mean_V = value_VJ.mean(axis=1)
    axes.vlines(mean_V, np.arange(len(table)) - 0.36, np.arange(len(table)) + 0.36, color=INK, lw=1.5)
    name_rows(axes, list(table.index), [f"{strip.min():.0f}–{strip.max():.0f}" for strip in value_VJ])
    axes.set_xlabel("top-1 of a subject (%)")
    return fig
