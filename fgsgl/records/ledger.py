"""The ledger: the folder of records. Everything shown anywhere is computed from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fgsgl.records.reading import read_record
from fgsgl.records.record import Done, Record
from fgsgl.util.errors import UserError
from fgsgl.util.files import once


class Readable(NamedTuple):
    """What a ledger holds, where one damaged record must not hide the others."""

    records: dict[str, Record]
    """By cell id."""
    faults: dict[str, str]
    """One line for each file that is no record, by the name that it has in place of a cell id."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Records and predictions of one board, ``<cell_id>.json`` and ``<cell_id>.npz`` each."""

    folder: Path

    def records(self) -> dict[str, Record]:
        """Every record by cell id.

        Raises:
            UserError: for a file that is no record of this schema version.
        """
        return {path.stem: _read(path) for path in sorted(self.folder.glob("*.json"))}

    def readable(self) -> Readable:
        """Every record that can be read, and what is wrong with the others: for what is about single cells."""
        records: dict[str, Record] = {}
        faults = {}
        for path in sorted(self.folder.glob("*.json")):
            try:
                records[path.stem] = _read(path)
            except UserError as error:
                faults[path.stem] = str(error)
        return Readable(records, faults)

    def done(self) -> dict[str, Done]:
        """The finished cells' records, of those that can be read."""
        return {cell_id: record for cell_id, record in self.readable().records.items() if isinstance(record, Done)}

    def get(self, cell_id: str) -> Record | None:
        """One cell's record, if it has one.

        Raises:
            UserError: as :meth:`records`.
        """
        path = self.folder / f"{cell_id}.json"
        return read_record(path) if os.path.lexists(path) else None


def load(folder: Path) -> tuple[Record, ...]:
    """All records of ``<folder>/ledger``, by cell id.

    Raises:
        UserError: if there is none, or one cannot be read or is of another schema version.
    """
    ledger = Ledger(folder / "ledger")
    records = tuple(ledger.records().values())
    if not records:
        raise UserError(f"no record in {ledger.folder}; expected <cell id>.json files, as `fgsgl run` writes them")
    return records


_read = once(read_record)
