"""The observer interface: the scheduler tells observers what happens to its cells, and knows none of them."""

from __future__ import annotations

from pathlib import Path

from fgsgl.methods.cell import Cell
from fgsgl.records.record import Record


class Observer:
    """Told what happens to the cells of :func:`fgsgl.running.scheduler.execute`; override what is of interest.

    An observer must not change a cell's result, and its errors end the command.
    """

    def started(self, cell: Cell) -> None:
        """A cell is taken up: told once, however often it is tried."""

    def waits(self, cell: Cell) -> None:
        """Another command runs the cell; this one waits for its record."""

    def runs(self, cell: Cell, work_dir: Path) -> None:
        """The cell's process runs; ``progress.json`` in its work folder says how far it is. Told several times a
        second."""

    def retried(self, cell: Cell, record: Record, retries: int) -> None:
        """The infrastructure failed the cell, which is tried again.

        Args:
            cell: the cell.
            record: of the failed attempt.
            retries: how often a cell is tried again at most.
        """

    def finished(self, cell: Cell, record: Record) -> None:
        """The cell has its record: done, failed or pruned."""

    def stopped(self) -> None:
        """No cell runs any more: all have ended, or the command was interrupted."""
