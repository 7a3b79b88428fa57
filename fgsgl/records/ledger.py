"""The ledger: the folder of records. Everything shown anywhere is computed from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fgsgl.records.record import Done, Record, read_record
from fgsgl.util.errors import UserError
from fgsgl.util.files import once

SHOWN = 5
"""Cells that an error names."""


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

    def done(self) -> dict[str, Done]:
        """The finished cells' records.

        Raises:
            UserError: as :meth:`records`.
        """
        return {cell_id: record for cell_id, record in self.records().items() if isinstance(record, Done)}

    def get(self, cell_id: str) -> Record | None:
        """One cell's record, if it has one."""
        path = self.folder / f"{cell_id}.json"
        return read_record(path) if path.exists() else None

    def find(self, start: str) -> Path:
        """The record's file of the only cell whose id begins so.

        Raises:
            UserError: if there is none, or several.
        """
        ids = [path.stem for path in sorted(self.folder.glob("*.json"))]
        found = [cell_id for cell_id in ids if cell_id.startswith(start)]
        if len(found) == 1:
            return self.folder / f"{found[0]}.json"
        if found:
            raise UserError(
                f"{len(found)} cells in {self.folder} begin with {start!r}: {_some(found)}; give more of the id"
            )
        have = f"it has {len(ids)}: {_some(ids)}" if ids else "it has none; expected the folder of a board"
        raise UserError(f"no cell in {self.folder} begins with {start!r}; {have}")


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


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", ..." if len(ids) > SHOWN else "")


_read = once(read_record)
