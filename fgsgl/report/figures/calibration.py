"""Reliability diagrams with the expected calibration error. B bins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fgsgl.records.record import Done
from fgsgl.report.board.predicted_classes import PredictedClasses
from fgsgl.report.drawing.axes import BETTER, NARROW_IN, Canvas, canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import plus_minus, seeds_text, short
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.stats.calibration import expected_calibration_error
from fgsgl.stats.seeds import t_half_width
from fgsgl.style import GREY, INK, PALE
from fgsgl.util.errors import UserError

MOST_PANELS = 6
BINS = 15


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, a panel a row."""
    for suffix, group in by_protocol(inputs.with_predictions()):
        rows, remark = shown_rows(group, MOST_PANELS)
        counts = [len(inputs.scored(row)) for row in rows]
        fitted = [_calibrated(inputs.scored(row)) for row in rows]
        tables = [
            _table(row.label, inputs.predictions(row)).assign(calibrated=is_fitted)
            for row, is_fitted in zip(rows, fitted, strict=True)
        ]
        caption = (
            f"Accuracy against confidence, the largest probability of a clip, in {BINS} bins of equal width: the clips "
            f"of all seeds together ({seeds_text(counts)}). On the dashed line confidence is accuracy; below it the "
            "method is too sure. Grey bars: share of the clips in each bin. ECE: expected calibration error in "
            f"percent, mean over seeds ± half its 95 % t interval. {_origin(fitted)}{remark}"
        )
        yield Sheet(figure=_figure(tables), table=pd.concat(tables), caption=caption, suffix=suffix)


FIGURE = Figure(name="calibration", title="Calibration", draw=draw)


def _calibrated(records: Sequence[Done]) -> bool:
    """Whether the probabilities are scaled by a temperature that the validation split chose."""
    return all(any(name.endswith("temperature") for name in record.selection) for record in records)


def _origin(fitted: Sequence[bool]) -> str:
    if all(fitted):
        return "All probabilities were calibrated by a temperature on the validation split."
    if not any(fitted):
        return "No probabilities were calibrated."
    return (
        "Rows marked 'calibrated' have probabilities scaled by a temperature of the validation split; the others "
        "show the network's own. Their ECE does not compare with that of the marked rows."
    )


def _table(label: str, seeds: Sequence[PredictedClasses]) -> pd.DataFrame:
    """The bins over the clips of all seeds; beside them the error of the seeds."""
    right_N = np.concatenate([seed.correct_N for seed in seeds])
    confidence_N = np.concatenate([seed.confidence_N for seed in seeds])
    try:
        _, bins = expected_calibration_error(right_N, confidence_N, BINS)
    except UserError as error:
        raise UserError(f"the calibration of {label}: {error}; run its cells again") from None
    errors_S = [100 * expected_calibration_error(seed.correct_N, seed.confidence_N, BINS)[0] for seed in seeds]
    half = t_half_width(errors_S)
    bins.insert(0, "row", label)
    return bins.assign(ece_pct=np.mean(errors_S), ece_half_width=math.nan if half is None else half)


def _figure(tables: Sequence[pd.DataFrame]) -> Canvas:
    columns = min(2, len(tables))
    lines = math.ceil(len(tables) / columns)
    fig = canvas(NARROW_IN, 0.3 + 1.8 * lines)
    panels = fig.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, table in zip(panels, tables, strict=False):
        _panel(axes, table)
    for axes in panels[len(tables) :]:
        axes.set_axis_off()
    fig.supxlabel("confidence (%)", fontsize=8)
    fig.supylabel("accuracy (%)", fontsize=8)
    return fig


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    share_B = 100 * table["n"] / table["n"].sum()
    axes.bar(100 * table["low"], share_B, width=100 / BINS, align="edge", color=PALE, alpha=0.6, lw=0)
    axes.plot([0, 100], [0, 100], color=GREY, lw=1, ls=(0, (4, 2)))
    filled = table[table["n"] > 0]
    axes.plot(100 * filled["confidence"], 100 * filled["accuracy"], "-o", color=BETTER, ms=2.5, lw=1.2)
    axes.set(xlim=(0, 100), ylim=(0, 102), xticks=range(0, 101, 25), yticks=range(0, 101, 25))
    name = short(table["row"].iloc[0], 28)
    axes.set_title(f"{name} (calibrated)" if table["calibrated"].iloc[0] else name, fontsize="medium")
    ece = plus_minus(table["ece_pct"].iloc[0], table["ece_half_width"].iloc[0])
    axes.text(4, 96, f"ECE {ece}", va="top", fontsize="small", color=INK)
    axes.grid()
