"""Chooses the cell that a board answers with, from its records alone. Imports no torch."""

from __future__ import annotations

import statistics
from pathlib import Path

from fgsgl.records.find import find_cells, names_of
from fgsgl.records.ledger import Ledger
from fgsgl.records.record import Done
from fgsgl.records.set_aside import current_done
from fgsgl.util.errors import UserError


def chosen_cell(folder: Path, what: str | None = None) -> Done:
    """The finished cell that a user means.

    Args:
        folder: the board's.
        what: a row ("FG-SGL w/o fgsa"), a row and a seed ("FG-SGL, seed 0"), or the beginning of a cell's id. Of a row
            the first seed is taken. None: that of :func:`best_cell`.

    Raises:
        UserError: if there is no such board or cell.
    """
    if what is None:
        return best_cell(folder)
    current = [(names_of(record), record) for record in current_done(folder)]
    by_id = [((), record) for record in Ledger(folder / "ledger").done().values()]  # what is set aside, too
    found = find_cells(what, [*by_id, *current], folder / "ledger")
    return min(found, key=lambda record: record.seed)


def best_cell(folder: Path) -> Done:
    """The cell that a board answers with when none is named: of FG-SGL's best row the first seed with a checkpoint.

    Raises:
        UserError: if no cell of FG-SGL is finished and has its checkpoint.
    """
    cells = [
        record for record in current_done(folder) if record.method == "fgsgl" and _checkpoint(folder, record).is_file()
    ]
    if not cells:
        raise UserError(
            f"no finished cell of FG-SGL with a checkpoint in {folder}; name another row with --row, or train one with "
            f"`fgsgl run --methods fgsgl --out {folder}`"
        )
    rows: dict[tuple[str, str], list[Done]] = {}
    for record in cells:
        rows.setdefault((record.variant, record.protocol_hash), []).append(record)
    best = max(rows.values(), key=lambda row: statistics.fmean(record.metrics.top1 for record in row))
    return min(best, key=lambda record: record.seed)


def _checkpoint(folder: Path, record: Done) -> Path:
    return folder / "work" / record.cell_id / f"epoch_{record.epochs}.pth"
