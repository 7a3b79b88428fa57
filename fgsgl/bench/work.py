"""Work: where cells come from, and where their records go. A plan is a fixed list of them, a search asks for more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fgsgl.bench.cell import Cell
from fgsgl.bench.record import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A cell that is to run now."""

    cell: Cell
    trial: Mapping[str, Any] | None = None
    """Where the cell of a search reports each epoch to; None: it belongs to no search."""


class Work(Protocol):
    """What :func:`fgsgl.bench.execute.execute` works off."""

    @property
    def open(self) -> bool:
        """Whether anything is left to take, or to wait for."""

    def take(self) -> Task | None:
        """The next cell that may start now; None: none now."""

    def put_back(self, task: Task) -> None:
        """Takes a cell back that runs in another command, or is to be tried again; it is asked for later."""

    def finished(self, task: Task, record: Record) -> None:
        """Learns how a cell ended."""


class Plan:
    """A fixed list of cells, in order; :class:`Work`."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self.waiting = deque(Task(cell=cell) for cell in cells)
        self.failed: list[Cell] = []

    @property
    def open(self) -> bool:
        """Whether a cell waits."""
        return bool(self.waiting)

    def take(self) -> Task | None:
        """The cell that has waited longest."""
        return self.waiting.popleft() if self.waiting else None

    def put_back(self, task: Task) -> None:
        """Lets a cell wait behind the others."""
        self.waiting.append(task)

    def finished(self, task: Task, record: Record) -> None:
        """Keeps the cells that failed."""
        if record.status != "done":
            self.failed.append(task.cell)
