"""The terminal: its width, and a progress bar for one long job."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def wide_console() -> Console:
    """The terminal; where there is none (a file, CI), lines wide enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=140)


def bar(console: Console) -> Progress:
    """The suite's progress bar."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[news]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        refresh_per_second=2,  # rich's ten cost a tenth of a core, which the cells want
    )


class Counter:
    """A bar for one job of known length; its ``update(done, total)`` is the callback that long functions take."""

    def __init__(self, console: Console, description: str) -> None:
        self.console, self.description = console, description
        self.progress = bar(console)
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def update(self, done: int, total: int) -> None:
        """Shows ``done`` of ``total``; nothing is shown before the first call."""
        if self.task is None:
            self.progress.start()
            self.task = self.progress.add_task(self.description, total=total, news="")
        self.progress.update(self.task, completed=done, total=total)
