"""The ledger: the folder of records. Everything shown anywhere is computed from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fgsgl.records.record import Done, Record, read_record
from fgsgl.util.errors import UserError
from fgsgl.util.files import once


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
