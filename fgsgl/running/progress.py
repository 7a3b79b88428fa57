"""The progress display: a line for each running cell, and a line that stays for each finished one."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import TaskID
from rich.text import Text

from fgsgl.methods.cell import Cell
from fgsgl.records.record import Done, Failed, Pruned, Record
from fgsgl.running.observer import Observer
from fgsgl.training.cell_progress import CellProgress
from fgsgl.util.terminal import bar


def cell_label(cell: Cell) -> str:
    """``FG-SGL w/o fgsa, seed 0``."""
    return f"{row_label(cell)}, seed {cell.seed}"


def row_label(cell: Cell) -> str:
    """``FG-SGL w/o fgsa``."""
    return cell.method.display_name + ("" if cell.variant.name == "full" else f" {cell.variant.name}")


class Live(Observer):
    """The live view on the terminal: a line for each running cell, a bar over all."""

    def __init__(self, console: Console, total: int) -> None:
        self.progress = bar(console)
        self.tasks: dict[str, TaskID] = {}
        self.overall = self.progress.add_task("all cells", total=total, news="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def started(self, cell: Cell) -> None:
        """Adds the cell's line."""
        self.tasks[cell.cell_id] = self.progress.add_task(cell_label(cell), total=None, news="starting")

    def runs(self, cell: Cell, work_dir: Path) -> None:
        """Shows how far the cell is."""
        now = CellProgress.find(work_dir)
        self.progress.update(self.tasks[cell.cell_id], completed=now.step, total=now.steps, news=str(now))

    def waits(self, cell: Cell) -> None:
        """Says that another command runs the cell."""
        self.progress.update(self.tasks[cell.cell_id], news="runs in another command; waiting for it")

    def retried(self, cell: Cell, record: Record, retries: int) -> None:
        """Leaves a sentence about a cell that is tried again."""
        self.progress.update(self.tasks[cell.cell_id], news="to be tried again")
        why = f"{record.failure.kind}: {record.failure.message}" if record.failure else record.status
        self._leave("again", "yellow", f"{cell_label(cell)}: {why}; {record.attempts} of {retries} retries")

    def finished(self, cell: Cell, record: Record) -> None:
        """Takes the cell's line away and leaves a sentence."""
        self.progress.remove_task(self.tasks.pop(cell.cell_id))
        self.progress.advance(self.overall)
        if isinstance(record, Done):
            shown = f"top-1 {100 * record.metrics.top1:.1f} %, {record.times_s['total']:.0f} s"
            self._leave("done", "green", f"{cell_label(cell)}: {shown}")
        elif isinstance(record, Pruned):
            self._leave("pruned", "yellow", f"{cell_label(cell)}: after epoch {record.curve[-1]['epoch']}")
        elif isinstance(record, Failed):
            self._leave("failed", "red", f"{cell_label(cell)}: {record.failure.kind}: {record.failure.message}")

    def _leave(self, word: str, style: str, rest: str) -> None:
        """Leaves a line above the bars; a name or message in it is no markup."""
        self.progress.console.print(Text.assemble((word, style), " " * (8 - len(word)), rest))
