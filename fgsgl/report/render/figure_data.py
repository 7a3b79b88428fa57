"""Data of the page's interactive figures, from records alone. C classes, J subjects, S seeds, E epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fgsgl.records.record import Done
from fgsgl.report.board.board import Board, part_of
from fgsgl.report.board.comparisons import claimed_interval
from fgsgl.report.board.rows import REFERENCE, shown_rows
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.figures._matrix import MOST_CLASSES, confusion_percent, shown_classes
from fgsgl.report.figures.learning_curves import seed_curves
from fgsgl.report.figures.subjects import by_subject

MOST_CURVES, MOST_CONFUSED, MOST_SUBJECTS, MOST_STRIPS = 40, 8, 60, 40
"""Rows of each figure, and subjects; tables and CSV files have them all."""
LEAST_SHARE = 1.0
"""Percent of a class's clips below which an answer is left out of a confusion matrix of the page."""
COSTS = ("params_m", "gflops", "latency_ms", "clips_per_s", "train_s", "peak_memory_mib")
CURVES = (("val_top1", 100), ("loss", 1))


def figure_data(board: Board) -> dict[str, Any]:
    """A dictionary for JSON, each row by its index in the board's table: ``rows`` with accuracies and costs, and
    ``curves``, ``confusion`` and ``subjects`` of the rows that have them."""
    inputs = Inputs(board)
    table = list(board.table.itertuples())
    predicted = inputs.with_predictions()
    curves, _ = shown_rows([row for row in table if any(r.curve for r in inputs.scored(row))], MOST_CURVES)
    confused, _ = shown_rows(predicted, MOST_CONFUSED)
    return {
        "rows": [_row(row) for row in table],
        "curves": [curve for row in curves for curve in _curves(row.Index, inputs.scored(row))],
        "confusion": [_confusion(inputs, row) for row in confused],
        "subjects": _subjects(inputs, predicted),
    }


def _row(row: Any) -> dict[str, Any]:
    low, high = claimed_interval(row)
    numbers = {
        "top1": 100 * row.top1,
        "low": 100 * row.top1_ci_low,
        "high": 100 * row.top1_ci_high,
        "by": row.diff_top1,
        "byLow": low,
        "byHigh": high,
        **{name: getattr(row, name) for name in COSTS},
    }
    kept = {name: float(f"{value:.4g}") for name, value in numbers.items() if math.isfinite(value)}
    is_reference = (row.method, row.variant) == REFERENCE
    return {"part": part_of(row), "protocol": row.protocol, "hardware": row.hardware, "full": row.variant == "full",
            "reference": is_reference} | kept  # fmt: skip


def _curves(index: int, records: Sequence[Done]) -> list[dict[str, Any]]:
    """The mean over seeds of each quantity, at the epochs that every seed has."""
    found = []
    for name, scale in CURVES:
        epochs, values_SE = seed_curves(records, name)
        means = [float(f"{scale * mean:.4g}") for mean in values_SE.mean(axis=0)]
        if epochs and np.isfinite(means).all():
            found.append({"row": index, "what": name, "epochs": epochs, "values": means})
    return found


def _confusion(inputs: Inputs, row: Any) -> dict[str, Any]:
    """Triples of true class, answer and percent of the true class's clips."""
    classes = inputs.scored(row)[0].data.classes
    percent_CC = confusion_percent(inputs.predictions(row), len(classes))
    shown = shown_classes(percent_CC)
    places = {int(index): place for place, index in enumerate(shown)}
    cells = percent_CC.tocoo()
    triples = zip(cells.row.tolist(), cells.col.tolist(), cells.data.tolist(), strict=True)
    return {
        "row": row.Index, "names": [classes[index] for index in shown], "of": len(classes), "most": MOST_CLASSES,
        "cells": [[places[true], places[said], round(share, 1)] for true, said, share in triples
                  if share >= LEAST_SHARE and true in places and said in places],
    }  # fmt: skip


def _subjects(inputs: Inputs, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Top-1 by subject of each protocol's rows, the hardest subjects of its first row first."""
    found = []
    for protocol in dict.fromkeys(row.protocol for row in rows):
        group, _ = shown_rows([row for row in rows if row.protocol == protocol], MOST_STRIPS)
        strips = [by_subject(inputs.scored(row), inputs.board.predictions) for row in group]
        shared = set.intersection(*(set(strip.index) for strip in strips))  # a forged row may name other people
        names = [name for name in strips[0].sort_values(kind="stable").index if name in shared][:MOST_SUBJECTS]
        if len(names) > 1:
            values = [[round(float(strip[name]), 1) for name in names] for strip in strips]
            found.append({"names": names, "rows": [row.Index for row in group], "values": values})
    return found
