"""The ledger: the folder of records. Everything shown anywhere is computed from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fgsgl.bench.record import SCHEMA, Record, read_record
from fgsgl.errors import UserError
from fgsgl.files import once

SHOWN = 5
"""Cells that an error names."""
DONE_LINES = (b'\n "status": "done",\n', b'\n "schema": %d,\n' % SCHEMA)
"""Of a finished record as :func:`fgsgl.bench.record.write_record` writes it: what is inside of it has more spaces."""
TAIL_BYTES = 2048
"""Where these lines stand, since keys are sorted: behind them are times and the variant."""


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

    def finished(self) -> set[str]:
        """The ids of the finished cells.

        Raises:
            UserError: as :meth:`records`.
        """
        return {path.stem for path in self.folder.glob("*.json") if _is_done(path)}

    def done(self) -> dict[str, Record]:
        """The finished cells' records."""
        return {cell_id: record for cell_id, record in self.records().items() if record.status == "done"}

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


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", ..." if len(ids) > SHOWN else "")


_read = once(read_record)


def _is_done(path: Path) -> bool:
    """Looks for the lines that say so, a small part of the work of reading the record; without them, reads it."""
    with path.open("rb", buffering=0) as file:
        file.seek(-min(TAIL_BYTES, os.fstat(file.fileno()).st_size), os.SEEK_END)
        tail = file.read()
    return all(line in tail for line in DONE_LINES) or _read(path).status == "done"
