"""Sentences on the trainings behind a board: their epochs, whether they ended rising, and what learned little."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import pandas as pd

from fgsgl.methods.budget import MOST_TIMES
from fgsgl.records.curve import Epoch
from fgsgl.records.record import Done, Record
from fgsgl.records.row_key import RowKey
from fgsgl.report.board.rows import listed, row_key, untrained
from fgsgl.report.formatting import number

RISING = 1.0
"""Points of validation top-1 in the last fifth of a training from which a row is called still rising."""
LAST_PARTS = 5
"""The last of so many parts of a training is looked at."""
SHOWN = 12
"""Rows that a note names."""


def budget_notes(cells: Mapping[RowKey, Sequence[Record]]) -> Iterator[str]:
    """The epochs of every method where the budget is equal compute; a sentence for each protocol."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    base: dict[str, int] = {}
    for record in (record for group in cells.values() for record in group):
        if record.budget_epochs is not None:
            found[record.protocol_hash][record.config.display_name] = record.budget_epochs
            base[record.protocol_hash] = record.protocol.epochs
    for protocol, epochs in found.items():
        of_each = ", ".join(f"{name} {count}" for name, count in sorted(epochs.items(), key=lambda item: -item[1]))
        where = f" (protocol {protocol})" if len(found) > 1 else ""
        yield (
            f"Equal compute{where}: each method trained as many whole epochs as cost the operations of FG-SGL's "
            f"{base[protocol]}, at least 1 and at most {MOST_TIMES} times as many. Epochs: {of_each}."
        )


def rising_notes(table: pd.DataFrame, scored: Mapping[RowKey, Sequence[Done]]) -> Iterator[str]:
    """The rows whose training had not flattened on the validation split, the steepest first."""
    rising: list[tuple[float, str]] = []
    short: list[str] = []
    for row in _trained(table, scored):
        of_seeds = [late_gain(record.curve) for record in scored[row_key(row)]]
        known = [gain for gain in of_seeds if gain is not None]
        if known and (gain := statistics.fmean(known)) >= RISING:
            rising.append((gain, row.label))
        elif not known and any(record.curve for record in scored[row_key(row)]):
            short.append(row.label)
    if rising:
        steepest = sorted(rising, key=itemgetter(0), reverse=True)
        said = listed([f"{label} {number(gain, sign='+')}" for gain, label in steepest], SHOWN)
        yield (
            "Still rising at the end of training, in points of validation top-1 over the last fifth of the epochs, "
            f"mean over seeds: {said}. With more epochs these rows may be better."
        )
    if short:
        yield f"One epoch of validation does not tell whether training still rises: {listed(short, SHOWN)}."


def late_gain(curve: Sequence[Epoch]) -> float | None:
    """The gain of validation top-1 in points over the last fifth of a training, the last epoch at least; None: the
    curve has no epoch before."""
    top1 = {int(row["epoch"]): row["val_top1"] for row in curve if "val_top1" in row}
    if not top1:
        return None
    last = max(top1)
    before = top1.get(last - -(-last // LAST_PARTS))
    return None if before is None else 100 * (top1[last] - before)


def weak_notes(table: pd.DataFrame, scored: Mapping[RowKey, Sequence[Done]]) -> Iterator[str]:
    """The trained rows whose top-1 is below twice the best floor of their protocol, where twice can be reached."""
    floors = table[table["kind"] == "floor"].groupby("protocol")["top1"].max()
    labels: dict[float, list[str]] = defaultdict(list)
    for row in _trained(table, scored):
        floor = floors.get(row.protocol)
        if floor is not None and row.top1 < 2 * floor < 1:
            labels[float(floor)].append(row.label)
    for floor, rows in labels.items():
        yield f"Below twice the best floor ({number(100 * floor)} % top-1): {listed(rows, SHOWN)}."


def _trained(table: pd.DataFrame, scored: Mapping[RowKey, Sequence[Done]]) -> Iterator[Any]:
    """The rows of methods that learn and have numbers, in the order of the table."""
    for row in table[table["kind"] == "method"].itertuples():
        group = scored.get(row_key(row), ())
        if group and not untrained(group[0]):
            yield row
