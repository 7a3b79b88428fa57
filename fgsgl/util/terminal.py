"""The terminal: its width, and a progress bar for one long job."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment


class PlainConsole(Console):
    """A console on which text from elsewhere does nothing: ``[red]``, ``:smile:`` and control characters stand for
    themselves or are blanked. What is to be in colour is a :class:`rich.text.Text`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, **settings})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The segments of something to print, without control characters of its text."""
        for segment in super().render(renderable, options):
            plain = segment.control or segment.text == "\n" or segment.text.isprintable()
            yield segment if plain else Segment(_same_width(segment.text), segment.style)


def _same_width(text: str) -> str:
    """The text without control characters; what they took of a line's width stays blank."""
    return "".join(char if char.isprintable() or char == "\n" else " " * cell_len(char) for char in text)


def wide_console() -> PlainConsole:
    """The terminal; where there is none (a file, CI), lines wide enough for the tables."""
    return PlainConsole() if sys.stdout.isatty() else PlainConsole(width=140)


def bar(console: Console) -> Progress:
    """The suite's progress bar."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[news]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        refresh_per_second=2,  # rich's ten cost a tenth of a core, which the cells want
    )


TOLD_EVERY_S = 30.0
"""How often a job tells where it is in a file or a log, where no bar can move."""


class Counter:
    """A bar for one job of known length; its ``update(done, total)`` is the callback that long functions take.

    Where there is no terminal, a long job says every half minute how far it is.
    """

    def __init__(self, console: Console, description: str) -> None:
        self.console, self.description = console, description
        self.progress = bar(console)
        self.task: TaskID | None = None
        self.told_s = time.monotonic()

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
        if not self.console.is_terminal and done < total and time.monotonic() - self.told_s >= TOLD_EVERY_S:
            self.told_s = time.monotonic()
            self.console.print(f"{self.description}: {done} of {total}", markup=False, highlight=False)


@contextmanager
def working(console: Console, what: str) -> Iterator[None]:
    """Says what goes on while a job of unknown length does: with a sign of life on a terminal, else in a line."""
    if not console.is_terminal:
        console.print(what, markup=False, highlight=False)
        yield
        return
    with console.status(what):
        yield
