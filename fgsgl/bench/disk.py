"""Room on the disk: what cells may write, what those that are left need, and what stays of one that has its record.

Sizes are estimates from the number of trained parameters, which is what checkpoints hold.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from fgsgl.bench import costs
from fgsgl.bench.cell import Cell
from fgsgl.bench.resume import MARKER, newest_checkpoint
from fgsgl.errors import UserError
from fgsgl.files import write_whole

RESERVE_MIB = 512
"""What stays free, for records, boards and whatever else writes to the disk."""
CHECKPOINTS = 3
"""Of a running cell: two that are kept, and the one being written."""
OPTIMIZED = 3
"""Numbers that a checkpoint holds for each trained one: itself, and two averages of its gradient."""
LOGS_MIB = 4.0
"""Log, curve, TensorBoard's events, record and predictions of a cell."""
_STATE = ("optimizer", "param_schedulers", "message_hub", "ema_state_dict")
"""What a checkpoint holds only for a training to go on from it."""


def free_mib(folder: Path) -> float:
    """What is free on the disk of a folder that may not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / 2**20


def running_mib(cell: Cell) -> float:
    """What a cell writes while it runs; of a method that was never counted, its logs alone."""
    return CHECKPOINTS * OPTIMIZED * _weights_mib(cell) + LOGS_MIB


def kept_mib(cell: Cell, keep: str) -> float:
    """What stays of a finished cell."""
    return (_weights_mib(cell) if keep != "none" else 0.0) + LOGS_MIB


def needed_mib(cells: Iterable[Cell], jobs: int, keep: str) -> float:
    """The most that the cells need at any time, ``jobs`` of them running."""
    cells = list(cells)
    kept = [kept_mib(cell, keep) for cell in cells]
    more = sorted((running_mib(cell) - kept_mib(cell, keep) for cell in cells), reverse=True)
    return sum(kept) + sum(more[:jobs])


def room_for(cell: Cell, running: Iterable[Cell], folder: Path) -> None:
    """Refuses a cell that would not leave the reserve free, beside what the running cells may still write.

    Raises:
        UserError: saying what is free and what is needed.
    """
    need, free = running_mib(cell) + sum(map(running_mib, running)) + RESERVE_MIB, free_mib(folder)
    if free < need:
        raise UserError(
            f"{free:.0f} MiB are free on the disk of {folder}, expected {need:.0f} MiB for the next cell and a reserve "
            f"of {RESERVE_MIB} MiB, so no further cell is started; make room: the same command goes on from here"
        )


def tidy(work_dir: Path, keep: str) -> None:
    """Leaves of a finished cell's checkpoints what is to be kept, as weights alone.

    Args:
        work_dir: of the cell.
        keep: one of :data:`fgsgl.bench.limits.KEEP`; the best epoch's was written beside the others in the training.
    """
    last, best = newest_checkpoint(work_dir), list(work_dir.glob("best_*.pth"))
    kept = {"last": [last] if last else [], "best": best, "none": []}[keep]
    for path in kept:
        _strip(path)
    for path in {*work_dir.glob("epoch_*.pth"), *best} - set(kept):
        path.unlink()
    (work_dir / MARKER).unlink(missing_ok=True)


def _strip(path: Path) -> None:
    import torch

    checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    buffer = io.BytesIO()
    torch.save({name: value for name, value in checkpoint.items() if name not in _STATE}, buffer)
    write_whole(path, buffer.getvalue())


def _weights_mib(cell: Cell) -> float:
    if cell.method.recipe is None:
        return 0.0
    return 4 * _trained_m(cell.method.name, cell.protocol.size) * 1e6 / 2**20


@cache
def _trained_m(method: str, size: str) -> float:
    counted = costs.read().get((method, size))
    return float(counted["trainable_m"]) if counted else 0.0
