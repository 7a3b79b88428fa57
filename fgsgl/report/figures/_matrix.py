"""A confusion matrix, or the difference of two, as a heat map. C classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns

from fgsgl.records.predictions import Predictions
from fgsgl.report.drawing.axes import Canvas, canvas
from fgsgl.report.drawing.labels import short
from fgsgl.stats.metrics import confusion
from fgsgl.style import INK

MOST_NUMBERED = 24
"""Classes up to which a cell is large enough for its number."""


def confusion_percent(seeds: Sequence[Predictions], n_classes: int) -> np.ndarray:
    """Percentage of each answer among the clips of each true class, over all seeds: (C, C), NaN for an absent class."""
    counts_SCC = [confusion(p.labels, p.scores["combined"].argmax(axis=1), n_classes) for p in seeds]
    counts_CC = np.sum(counts_SCC, axis=0)
    n_C1 = counts_CC.sum(axis=1, keepdims=True)
    return np.divide(100.0 * counts_CC, n_C1, out=np.full(counts_CC.shape, np.nan), where=n_C1 > 0)


def matrix(value_CC: np.ndarray, classes: Sequence[str], cmap: str, low: float, label: str) -> Canvas:
    """A labelled matrix of percentages; ``low`` is the scale's lower end, and its upper end 100 or minus ``low``."""
    count, high = len(classes), -low or 100.0
    numbered = count <= MOST_NUMBERED
    cell_in, size = (0.22, 5.5) if numbered else (0.115, 4.5)
    fig = canvas(1.9 + cell_in * count, 1.0 + cell_in * count)
    axes = fig.subplots()
    axes.set_facecolor("#e3e3e3")
    names = [f"{short(name, 40)}  {index}" for index, name in enumerate(classes)]
    sns.heatmap(
        value_CC, ax=axes, cmap=cmap, vmin=low, vmax=high, annot=_numbers(value_CC) if numbered else None, fmt="",
        annot_kws={"fontsize": size, "in_layout": False}, xticklabels=range(count), yticklabels=names,
        cbar_kws={"label": label, "location": "top", "aspect": 40, "pad": 0.01, "shrink": 0.7},
    )  # fmt: skip
    if not numbered:  # a sign that survives grey, where cells are too small for numbers
        for true, said in np.argwhere(value_CC <= -0.1 * high):
            colour = "white" if value_CC[true, said] < -0.55 * high else INK
            text = axes.text(said + 0.5, true + 0.5, "−", ha="center", va="center", fontsize=size, color=colour)
            text.set_in_layout(False)
    axes.tick_params(length=0, labelsize=size + 1)
    axes.tick_params(axis="x", labelrotation=0 if numbered else 90, labelsize=size + numbered)
    axes.set_xlabel("answer (class number)")
    return fig


def _numbers(value_CC: np.ndarray) -> np.ndarray:
    """The text of each cell: its rounded value, or nothing below 1."""
    return np.where(np.abs(value_CC) >= 1, np.char.replace(np.char.mod("%.0f", value_CC), "-", "−"), "")


def explained(classes: Sequence[str]) -> str:
    """The end of a caption that explains the marks of :func:`matrix`."""
    numbers = "Below 1 there is no number" if len(classes) <= MOST_NUMBERED else "A dash: below 0"
    return f" {numbers}; a grey row: a class without a test clip."


def matrix_table(value_CC: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row a true class, one column an answer."""
    table = pd.DataFrame(value_CC, columns=[str(index) for index in range(len(classes))])
    table.insert(0, "true_class", list(classes))
    return table
