"""Floors: the rows that every method has to beat, required on a board or asked for under it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from fgsgl.records.record import Done, Record
from fgsgl.report.board.rows import RowKey, listed
from fgsgl.util.errors import UserError

FLOORS = {"majority": "majority class", "stratified_random": "stratified random"}
PROBE = {"linear_probe": "linear probe on the frozen tower's features"}
"""Expected too where a method starts from the tower: the accuracy of the tower's features by themselves."""


def require_floors(table: Sequence[Mapping[str, Any]]) -> None:
    """Refuses rows of a data set and preset that has no scored floor.

    Raises:
        UserError: naming the first.
    """
    floors = {(row["dataset"], row["preset"]) for row in table if row["kind"] == "floor" and row["n_seeds"]}
    bare = sorted({(row["dataset"], row["preset"]) for row in table} - floors)
    for row in table:
        if row["kind"] == "floor" and (row["dataset"], row["preset"]) in bare and row["status"].startswith("refused: "):
            raise UserError(f"the floor of {row['dataset']} {row['preset']} is {row['status']}; run it again")
    if bare:
        raise UserError(
            f"the board of {' '.join(bare[0])} has no floor: no finished record of kind 'floor' that scored the whole "
            "test split; run the majority-class floor first (`fgsgl run --methods majority`), it takes seconds"
        )


def missing_floor_notes(table: pd.DataFrame, scored: Mapping[RowKey, Sequence[Done]]) -> Iterator[str]:
    """A sentence for each protocol whose methods lack a floor, even a planned one."""
    for protocol, rows in table.groupby("protocol", sort=True):
        records = [record for key, group in scored.items() if key.protocol == protocol for record in group]
        learned = [record for record in records if record.kind == "method"]
        expected = FLOORS | (PROBE if any(map(_on_tower, learned)) else {})
        absent = [name for name in expected if name not in set(rows["method"])]
        if learned and absent:
            first, n_seeds = rows.iloc[0], 1 + max(record.seed for record in learned)
            yield (
                f"Not on this board (protocol {protocol}): {listed([expected[name] for name in absent])}, which a "
                f"method has to beat. `fgsgl run --dataset {first['dataset']} --preset {first['preset']} --methods "
                f"{' '.join(absent)} --seeds {n_seeds}` adds it, with this board's --out and the options of its "
                "protocol."
            )


def _on_tower(record: Record) -> bool:
    """Whether a method starts from the tower of its protocol: ``synmg-tiny@<hash>``, ``ViT-B-16:openai``."""
    backbone = record.protocol.backbone
    return record.pretraining.startswith((f"{backbone}@", f"{backbone}:"))
