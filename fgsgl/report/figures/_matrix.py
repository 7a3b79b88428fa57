"""A confusion matrix, or the difference of two, as a heat map of bounded size. C classes, K of them shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from scipy.sparse import csr_array

from fgsgl.report.board.predicted_classes import PredictedClasses
from fgsgl.report.drawing.axes import Canvas, canvas
from fgsgl.report.drawing.labels import class_names, undrawn_names
from fgsgl.style import INK

MOST_NUMBERED = 24
"""Classes up to which a cell is large enough for its number."""
MOST_CLASSES = 60
"""Classes up to which all are shown; of more, those with the most to see."""


def confusion_percent(seeds: Sequence[PredictedClasses], n_classes: int) -> csr_array:
    """Percentage of each answer among the clips of each true class, over all seeds: (C, C).

    It stores the answers that were given, at most one a clip: a full matrix of a thousand classes would not. A row of
    an absent class has none.
    """
    label_N, class_N = (np.concatenate([getattr(p, name) for p in seeds]) for name in ("label_N", "class_N"))
    counts_CC = csr_array((np.ones(len(label_N)), (label_N, class_N)), shape=(n_classes, n_classes)).tocoo()
    n_C = np.bincount(label_N, minlength=n_classes)
    return csr_array((100.0 * counts_CC.data / n_C[counts_CC.row], counts_CC.coords), shape=counts_CC.shape)


def shown_classes(value_CC: csr_array) -> np.ndarray:
    """The classes to show (K,): all, or of more than ``MOST_CLASSES`` those whose row and column are largest beside
    the diagonal."""
    n_classes = value_CC.shape[0]
    if n_classes <= MOST_CLASSES:
        return np.arange(n_classes)
    size_CC = abs(value_CC)
    weight_C = size_CC.sum(axis=0) + size_CC.sum(axis=1) - 2 * size_CC.diagonal()
    return np.sort(np.argsort(-weight_C, kind="stable")[:MOST_CLASSES])


def dense(value_CC: csr_array, shown_K: np.ndarray, present_C: np.ndarray) -> np.ndarray:
    """The part of the matrix that is shown (K, K), NaN in the row of a class without a clip."""
    return np.where(present_C[shown_K, None], value_CC[shown_K][:, shown_K].toarray(), np.nan)


def matrix(value_KK: np.ndarray, names: Sequence[str], cmap: str, low: float, label: str) -> Canvas:
    """A labelled matrix of percentages; ``low`` is the scale's lower end, and its upper end 100 or minus ``low``.

    Args:
        names: of the K classes, from :func:`fgsgl.report.drawing.labels.class_names`.
    """
    count, high = len(names), -low or 100.0
    numbered = count <= MOST_NUMBERED
    cell_in, size = (0.26, 5.5) if numbered else (0.115, 3.5)
    fig = canvas(1.9 + cell_in * count, 2.2 + cell_in * count)
    axes = fig.subplots()
    axes.set_facecolor("#e3e3e3")
    # No seaborn: it measures every label with a canvas of its own, a gigabyte at 60 classes.
    mesh = axes.pcolormesh(np.ma.masked_invalid(value_KK), cmap=cmap, vmin=low, vmax=high)
    axes.set(ylim=(count, 0), aspect="auto")
    axes.spines[:].set_visible(False)
    middle_K = np.arange(count) + 0.5
    axes.set_xticks(middle_K, names, rotation=90)
    axes.set_yticks(middle_K, names)
    bar = fig.colorbar(mesh, ax=axes, label=label, location="top", aspect=40, pad=0.01, shrink=0.7)
    bar.outline.set_visible(False)
    if numbered:
        for true, said in np.argwhere(np.abs(value_KK) >= 1):
            number = f"{value_KK[true, said]:.0f}".replace("-", "−")
            _mark(axes, mesh, value_KK[true, said], (said, true), number, size)
    else:  # a sign that survives grey, where cells are too small for numbers
        for true, said in np.argwhere(value_KK <= -0.1 * high):
            _mark(axes, mesh, value_KK[true, said], (said, true), "−", size)
    axes.tick_params(length=0, labelsize=size + 1)
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    return fig


def names_of(classes: Sequence[str], shown_K: np.ndarray) -> list[str]:
    """The names of the classes that are shown, on two lines where cells are large enough."""
    few = len(shown_K) <= MOST_NUMBERED
    return class_names(classes, shown_K, *((28, 2) if few else (44, 1)))


def _mark(
    axes: Axes, mesh: ScalarMappable, value: float, place: tuple[int, int], mark: str, size: float
) -> None:  # fmt: skip
    """Writes into a cell, in white where its colour is dark."""
    red, green, blue, _ = mesh.to_rgba(np.array([value]))[0]
    colour = "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5 else INK
    x, y = place[0] + 0.5, place[1] + 0.5
    axes.text(x, y, mark, ha="center", va="center", fontsize=size, color=colour, in_layout=False)


def explained(classes: Sequence[str], shown_K: np.ndarray) -> str:
    """The end of a caption that explains the marks of :func:`matrix`, and which classes are left out."""
    numbers = "Below 1 there is no number" if len(classes) <= MOST_NUMBERED else "A dash: below 0"
    some = f" {MOST_CLASSES} of {len(classes)} classes are shown, those with the largest shares beside the diagonal."
    left_out = some if len(classes) > MOST_CLASSES else ""
    return f" {numbers}; a grey row: a class without a test clip.{left_out}{undrawn_names(classes, shown_K)}"


def matrix_table(value_CC: csr_array, classes: Sequence[str], present_C: np.ndarray) -> pd.DataFrame:
    """One row a true class, one column an answer; of more than ``MOST_CLASSES`` classes one row a pair of true class
    and answer that occurred."""
    if len(classes) > MOST_CLASSES:
        pairs = value_CC.tocoo()
        names = np.array(classes, dtype=object)
        return pd.DataFrame({
            "true_class": names[pairs.row], "true_number": pairs.row, "answer": names[pairs.col],
            "answer_number": pairs.col, "percent": pairs.data,
        })  # fmt: skip
    every = np.arange(len(classes))
    table = pd.DataFrame(dense(value_CC, every, present_C), columns=[str(index) for index in every])
    table.insert(0, "true_class", list(classes))
    return table
