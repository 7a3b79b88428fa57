"""Confusion matrix of FG-SGL."""

from __future__ import annotations

from collections.abc import Iterator

from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import seeds_text
from fgsgl.report.drawing.row_groups import by_protocol
from fgsgl.report.figures._matrix import (
    confusion_percent,
    dense,
    explained,
    matrix,
    matrix_table,
    names_of,
    shown_classes,
)


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One matrix a protocol, of FG-SGL, or where it is not on the board of the best full method."""
    for suffix, rows in by_protocol(inputs.with_predictions()):
        first = rows[0]
        classes = inputs.scored(first)[0].data.classes
        percent_CC = confusion_percent(inputs.predictions(first), len(classes))
        shown_K, present_C = shown_classes(percent_CC), percent_CC.sum(axis=1) > 0
        value_KK = dense(percent_CC, shown_K, present_C)
        caption = (
            f"{first.label}: of each true class's test clips, the share (%) that gets each answer, mean over seeds "
            f"({seeds_text([len(inputs.scored(first))])}).{explained(classes, shown_K)}"
        )
        names = names_of(classes, shown_K)
        fig = matrix(value_KK, names, cmap="Blues", low=0, label="share of the true class's clips (%)")
        table = matrix_table(percent_CC, classes, present_C)
        yield Sheet(figure=fig, table=table, caption=caption, suffix=suffix)


FIGURE = Figure(name="confusion", title="Confusion matrix", draw=draw)
