"""Floors: the rows that every method has to beat, required on a board or asked for under it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fgsgl.records.command_words import data_words, protocol_words
from fgsgl.records.record import Done, Record
from fgsgl.report.board.rows import RowKey, listed
from fgsgl.training.cell_spec import CellSpec
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """The floors, and the probe, that the methods of one protocol lack."""

    methods: tuple[str, ...]
    names: str
    """As a sentence lists them."""
    seeds: int
    """How many the board has."""
    example: Done
    """A method's record under the protocol."""


def missing_floors(table: pd.DataFrame, scored: Mapping[RowKey, Sequence[Done]]) -> Iterator[Missing]:
    """The floors that methods of a protocol have to clear and that are not on the board, not even planned."""
    for protocol, rows in table.groupby("protocol", sort=True):
        records = [record for key, group in scored.items() if key.protocol == protocol for record in group]
        learned = [record for record in records if record.kind == "method"]
        expected = FLOORS | (PROBE if any(map(_on_tower, learned)) else {})
        absent = [name for name in expected if name not in set(rows["method"])]
        if learned and absent:
            yield Missing(
                methods=tuple(absent),
                names=listed([expected[name] for name in absent]),
                seeds=1 + max(record.seed for record in learned),
                example=learned[0],
            )


def missing_floor_notes(table: pd.DataFrame, scored: Mapping[RowKey, Sequence[Done]]) -> Iterator[str]:
    """A sentence for each of :func:`missing_floors`; a page may lie elsewhere than the board, so that the whole command
    is printed alone (:func:`completing_command`)."""
    for missing in missing_floors(table, scored):
        record = missing.example
        yield (
            f"Not on this board (protocol {record.protocol_hash}): {missing.names}, which a method has to beat. "
            f"`fgsgl run --dataset {record.protocol.dataset} --preset {record.protocol.preset} --methods "
            f"{' '.join(missing.methods)} --seeds {missing.seeds}` adds it, with this board's --out and the options of "
            "its protocol."
        )


def completing_command(missing: Missing, folder: Path) -> str:
    """The command that adds what is missing to a board, ready to be pasted: with the data, protocol and folder of what
    stands there.

    Args:
        missing: of :func:`missing_floors`.
        folder: the board's.
    """
    protocol = missing.example.protocol
    spec = CellSpec.find(folder / "work" / missing.example.cell_id)  # gone where the board was made elsewhere
    where = data_words(protocol, *((spec.root, spec.transfer_root) if spec else (None, None)))
    words = ["fgsgl", "run", "--methods", *missing.methods, "--seeds", str(missing.seeds)]
    return shlex.join([*words, *where, *protocol_words(protocol), "--out", str(folder)])


def _on_tower(record: Record) -> bool:
    """Whether a method starts from the tower of its protocol: ``synmg-tiny@<hash>``, ``ViT-B-16:openai``."""
    backbone = record.protocol.backbone
    return record.pretraining.startswith((f"{backbone}@", f"{backbone}:"))
