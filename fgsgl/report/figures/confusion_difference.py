"""Difference of two confusion matrices: FG-SGL's minus that of the best other method."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

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
    """One matrix a protocol, where two rows have predictions; the second is the best full method, else the best row."""
    for suffix, rows in by_protocol(inputs.with_predictions()):
        if len(rows) < 2:
            continue
        first, other = rows[:2]
        classes = inputs.scored(first)[0].data.classes
        first_CC, other_CC = (confusion_percent(inputs.predictions(row), len(classes)) for row in (first, other))
        difference_CC = first_CC - other_CC
        shown_K, present_C = shown_classes(difference_CC), first_CC.sum(axis=1) > 0
        value_KK = dense(difference_CC, shown_K, present_C)
        reach = max(10.0, float(np.nanmax(np.abs(value_KK), initial=0.0)))
        counts = [len(inputs.scored(row)) for row in (first, other)]
        caption = (
            f"{first.label} minus {other.label}: difference, in percentage points, of the share of each true class's "
            f"test clips that gets each answer, means over seeds ({seeds_text(counts)}). On the diagonal more (blue) "
            f"is better, beside it less.{explained(classes, shown_K)}"
        )
        names = names_of(classes, shown_K)
        fig = matrix(value_KK, names, "RdBu", -reach, f"{first.label} minus {other.label} (points)")
        table = matrix_table(difference_CC, classes, present_C)
        yield Sheet(figure=fig, table=table, caption=caption, suffix=suffix)


FIGURE = Figure(name="confusion-difference", title="Difference of confusion matrices", draw=draw)
