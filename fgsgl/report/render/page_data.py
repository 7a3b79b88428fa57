"""Data for the page's script: every cell with its settings, and the scores of every class."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from fgsgl.records.record import Done, Environment, Failed, Record
from fgsgl.records.row_key import FULL
from fgsgl.report.board.board import Board, row_key
from fgsgl.report.board.regimes import suffixes
from fgsgl.report.board.rows import is_compared, reference_of
from fgsgl.report.board.tuned import assignments, changes

CLASS_VALUES = attrgetter("recall", "precision", "f1")


def page_data(board: Board) -> dict[str, Any]:
    """A dictionary for JSON: ``labels`` of the board's rows, ``cells`` and their ``configs``, ``classes``, and what
    tells each of the ``protocols`` from the others.

    A cell is a list: index of its row, seed, status, top-1 in percent, seconds in total, id, commit, start, message,
    index of its settings among ``configs`` (a row's cells share theirs, so each is kept once, as the text of a JSON).
    None stands for what a cell does not have. ``references`` has the index of the row that each row is compared with,
    ``changed`` the settings in which a cell's config differs from those of its method without changes.
    """
    rows = {row_key(row): row.Index for row in board.table.itertuples()}
    configs: dict[str, int] = {}
    changed: list[str] = []
    cells = []
    for key in rows:
        default = next(iter(board.cells.get(key._replace(variant=FULL), ())), None)
        for record in board.cells.get(key, ()):
            cells.append(_cell(record, rows[key], configs))
            if len(changed) < len(configs):
                changed.append("" if default is None else assignments(changes(record.config, default.config)))
    for cell in board.planned:
        cells.append([rows[cell.row], cell.seed, "planned", None, None, cell.cell_id, "", "", "", None])
    return {
        "labels": list(board.table["label"]),
        "references": [rows.get(reference_of(key)) if is_compared(key) else None for key in rows],
        "cells": cells,
        "configs": list(configs),
        "changed": changed,
        "protocols": {name: end.removeprefix(" @") or name for name, end in suffixes(board.protocols).items()},
        "classes": _classes([(rows[key], board.scored[key]) for key in rows if board.scored.get(key)]),
    }


def _cell(record: Record, row: int, configs: dict[str, int]) -> list[Any]:
    failure = record.failure if isinstance(record, Failed) else None
    total_s = record.times_s.get("total")
    return [
        row,
        record.seed,
        f"failed: {failure.kind}" if failure else record.status,
        round(100 * record.metrics.top1, 1) if isinstance(record, Done) else None,
        None if total_s is None else round(total_s),
        record.cell_id,
        _commit(record.environment),
        record.started_utc,
        failure.message if failure else "",
        configs.setdefault(msgspec.json.encode(record.config, order="sorted").decode(), len(configs)),
    ]


def _commit(environment: Environment) -> str:
    """The commit's first digits, with a plus where the tree had changes."""
    commit = environment.git_commit
    return f"{commit[:10]}{'+' * bool(environment.git_dirty)}" if commit else ""


def _classes(scored: Sequence[tuple[int, Sequence[Done]]]) -> dict[str, Any]:
    """``sets`` of class names with their clips; ``rows``, each with its set and its ``values`` in percent."""
    sets: dict[tuple[tuple[str, ...], tuple[int, ...]], int] = {}
    rows = []
    for row, records in scored:
        first = records[0]
        names = tuple(first.data.classes), tuple(entry.n for entry in first.metrics.per_class)
        rows.append({"row": row, "set": sets.setdefault(names, len(sets)), "values": _class_means(records)})
    return {"sets": [{"names": names, "clips": clips} for names, clips in sets], "rows": rows}


def _class_means(records: Sequence[Done]) -> list[list[float | None]]:
    """Recall, precision and F1 of each class in percent: means over the seeds where the value is defined."""
    values_SC3 = np.array(
        [[CLASS_VALUES(entry) for entry in record.metrics.per_class] for record in records], dtype=float
    )
    defined_SC3 = ~np.isnan(values_SC3)
    count_C3 = defined_SC3.sum(axis=0)
    sum_C3 = np.where(defined_SC3, values_SC3, 0.0).sum(axis=0)
    mean_C3 = np.round(100 * sum_C3 / np.maximum(count_C3, 1), 1).astype(object)
    mean_C3[count_C3 == 0] = None
    return mean_C3.tolist()
