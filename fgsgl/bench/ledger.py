"""The ledger: the folder of records. Everything shown anywhere is computed from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fgsgl.bench.record import Record, read_record


@dataclass(frozen=True, slots=True)
class Ledger:
    """Records and predictions of one board, ``<cell_id>.json`` and ``<cell_id>.npz`` each."""

    folder: Path

    def records(self) -> dict[str, Record]:
        """Every record by cell id.

        Raises:
            UserError: for a file that is no record of this schema version.
        """
        return {path.stem: _read(path, path.stat().st_mtime_ns) for path in sorted(self.folder.glob("*.json"))}

    def done(self) -> dict[str, Record]:
        """The finished cells' records."""
        return {cell_id: record for cell_id, record in self.records().items() if record.status == "done"}

    def get(self, cell_id: str) -> Record | None:
        """One cell's record, if it has one."""
        path = self.folder / f"{cell_id}.json"
        return read_record(path) if path.exists() else None


@cache
def _read(path: Path, changed_ns: int) -> Record:
    return read_record(path)
