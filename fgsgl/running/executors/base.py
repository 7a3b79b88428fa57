"""The interface of executors: an executor starts the process of a cell, and tells how it ended."""

from __future__ import annotations

from typing import Protocol

from fgsgl.training.cell_spec import CellSpec

GRACE_S = 10.0
"""How long a process that is to end may take before it is killed."""


class Running(Protocol):
    """A cell's process."""

    def poll(self) -> int | None:
        """Its exit code, negative where a signal ended it, or :data:`fgsgl.records.failures.OOM_KILLED` or
        :data:`fgsgl.records.failures.NODE_LOST`, as far as an executor can tell; None: it runs."""

    def stop(self) -> None:
        """Ends it, and returns once it has ended."""


class Executor(Protocol):
    """Starts :mod:`fgsgl.training.run_cell` for a cell, in a process somewhere that sees the same files."""

    slots: int
    """Cells that it runs at a time."""

    def start(self, spec: CellSpec) -> Running:
        """Starts the cell that stands in ``<work_dir>/spec.json``; its output goes to the end of
        ``<work_dir>/log.txt``."""
