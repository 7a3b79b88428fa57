"""Which class is taken for which: the confusion matrix of FG-SGL. C classes, S seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fgsgl.records.predictions import Predictions
from fgsgl.report.figures import Inputs, Sheet
from fgsgl.report.figures._drawing import by_protocol, canvas, seeds_text, short
from fgsgl.stats.metrics import confusion
from fgsgl.style import INK

NAME = "confusion"
TITLE = "Confusion matrix"
MOST_NUMBERED = 24
"""Classes up to which a cell is large enough for its number."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One matrix a protocol, of FG-SGL, or where it is not on the board of the best full method."""
    for suffix, rows in by_protocol(inputs.with_predictions()):
        first = rows[0]
        classes = inputs.scored(first)[0].data.classes
        percent_CC = confusion_percent(inputs.predictions(first), len(classes))
        caption = (
            f"{first.label}: of each true class's test clips, the share (%) that gets each answer, mean over seeds "
            f"({seeds_text([len(inputs.scored(first))])}).{explained(classes)}"
        )
        fig = matrix(percent_CC, classes, cmap="Blues", low=0, label="share of the true class's clips (%)")
        yield Sheet(figure=fig, table=matrix_table(percent_CC, classes), caption=caption, suffix=suffix)


def explained(classes: Sequence[str]) -> str:
    """What the marks of :func:`matrix` mean, for its caption."""
    numbers = "Below 1 there is no number" if len(classes) <= MOST_NUMBERED else "A dash: below 0"
    return f" {numbers}; a grey row: a class without a test clip."


def confusion_percent(seeds: Sequence[Predictions], n_classes: int) -> np.ndarray:
    """(C, C): of each true class's clips the percentage of each answer, over all seeds; NaN for a class without one."""
    counts_CC = sum(confusion(p.labels, p.scores["combined"].argmax(axis=1), n_classes) for p in seeds)
    n_C1 = counts_CC.sum(axis=1, keepdims=True)
    return np.divide(100.0 * counts_CC, n_C1, out=np.full(counts_CC.shape, np.nan), where=n_C1 > 0)


def matrix(value_CC: np.ndarray, classes: Sequence[str], cmap: str, low: float, label: str) -> Figure:
    """A labelled matrix of percentages; ``low`` is the scale's lower end, and its upper end 100 or minus ``low``."""
    count = len(classes)
    numbered = count <= MOST_NUMBERED
    cell_in, size = (0.22, 5.5) if numbered else (0.115, 4.5)
    fig = canvas(1.9 + cell_in * count, 1.0 + cell_in * count)
    axes = fig.subplots()
    shown = axes.imshow(value_CC, cmap=cmap, vmin=low, vmax=-low or 100, aspect="auto", interpolation="nearest")
    axes.set_facecolor("#e3e3e3")
    most = np.abs(shown.get_clim()).max()
    for true, said in np.argwhere(np.abs(np.nan_to_num(value_CC)) >= (1 if numbered else 0.1 * most)):
        value = value_CC[true, said]
        # A sign that survives grey: where cells are too small for numbers, the lower half is marked.
        text = f"{value:.0f}".replace("-", "−") if numbered else "−" if value < 0 else ""
        colour = "white" if abs(value) > 0.55 * most else INK
        axes.text(said, true, text, ha="center", va="center", fontsize=size, color=colour).set_in_layout(False)
    names = [f"{short(name, 40)}  {index}" for index, name in enumerate(classes)]
    axes.set_yticks(range(count), names, fontsize=size + 1)
    axes.set_xticks(range(count), range(count), fontsize=size + (1 if numbered else 0), rotation=0 if numbered else 90)
    axes.tick_params(length=0)
    axes.set_xlabel("answer (class number)")
    axes.spines[:].set_visible(False)
    bar = fig.colorbar(shown, ax=axes, location="top", aspect=40, pad=0.01, shrink=0.7)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return fig


def matrix_table(value_CC: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row a true class, one column an answer."""
    table = pd.DataFrame(value_CC, columns=[str(index) for index in range(len(classes))])
    table.insert(0, "true_class", list(classes))
    return table
