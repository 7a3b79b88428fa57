"""Things that killed processes leave behind in a board's folder, and that the next command removes."""

from __future__ import annotations

from collections.abc import Iterable

from filelock import FileLock, Timeout

from fgsgl.methods.cell import Cell
from fgsgl.running.execution import Place
from fgsgl.training.cell_spec import LOCK
from fgsgl.training.work_folder import tidy, untidy
from fgsgl.util.abandoned import remove_abandoned


def clear_leftovers(done: Iterable[Cell], place: Place) -> None:
    """Removes temporary files whose writers are dead, and tidies the checkpoints of finished cells.

    Args:
        done: cells with a record.
        place: where they ran. A cell that another command holds is left to it.
    """
    for folder in (place.out, place.ledger.folder, *(place.out / "work").glob("*")):
        remove_abandoned(folder)
    for cell in done:
        work_dir = place.work_dir(cell)
        if untidy(work_dir):
            try:
                with FileLock(work_dir / LOCK, timeout=0):
                    tidy(work_dir, place.execution.limits.keep_checkpoints)
            except Timeout:
                continue
