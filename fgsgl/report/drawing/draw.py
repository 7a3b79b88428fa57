"""Draws figures as files' contents, several at a time where the machine has the cores."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import matplotlib

from fgsgl.report.drawing.figure import Drawing, Figure, FigureFiles
from fgsgl.report.drawing.fonts import families
from fgsgl.report.drawing.render import render
from fgsgl.report.drawing.scan import Scan, fault
from fgsgl.style import STYLE
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import printable
from fgsgl.util.processes import end_with_parent, held


def draw_all(found: Scan, source: Any) -> Drawing:
    """Draws every figure from one source; the same source gives the same files.

    A figure that cannot be drawn takes no other along: not one that raises an error, nor one whose process the system
    kills. One process a figure, as many at a time as there are cores. Processes are forked, since reading thousands of
    records again takes longer than drawing, and only where no other thread could hold a lock. Elsewhere this process
    draws.

    Args:
        found: from :func:`fgsgl.report.drawing.scan.scan`. Its faults are passed on.
        source: given to every figure's ``draw``.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        parts = [_draw(figure, source) for figure in found.figures]
    else:
        drawn = dict(_drawn_apart(found.figures, source, len(os.sched_getaffinity(0))))
        parts = [drawn[figure.name] for figure in found.figures]
    return Drawing(
        figures=tuple(files for part in parts for files in part.figures),
        faults=(*found.faults, *(line for part in parts for line in part.faults)),
    )


def _draw(figure: Figure[Any], source: Any) -> Drawing:
    """All sheets of a figure; where it fails, those before."""
    drawn: list[FigureFiles] = []
    with matplotlib.rc_context({"font.family": list(families())}, fname=STYLE):
        try:
            for sheet in figure.draw(source):
                drawn.append(render(figure, sheet))
        except UserError as error:
            return Drawing(figures=tuple(drawn), faults=(printable(f"{figure.name}: {error}"),))
        except (Exception, SystemExit) as error:
            return Drawing(figures=tuple(drawn), faults=(fault(_file(figure), error),))
    return Drawing(figures=tuple(drawn), faults=())


def _drawn_apart(figures: tuple[Figure[Any], ...], source: Any, workers: int) -> Iterator[tuple[str, Drawing]]:
    """The name of each figure and what it came to, in the order in which they are done."""
    waiting, running = list(figures), dict[Connection, tuple[Figure[Any], BaseProcess]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                figure = waiting.pop(0)
                with held():
                    end, process = _start(figure, source)
                running[end] = figure, process
            for end in [end for end in running if end in wait(list(running))]:
                figure, process = running.pop(end)
                yield figure.name, _received(end, figure, process)
    finally:
        for _, process in running.values():
            process.kill()
            process.join()


def _start(figure: Figure[Any], source: Any) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_draw_and_send, args=(theirs, figure, source), daemon=True)
    process.start()
    theirs.close()
    return mine, process


def _draw_and_send(end: Connection, figure: Figure[Any], source: Any) -> None:
    """Draws in a process of its own. It ends with its parent, and holds none of its parent's outputs open: whoever
    reads them through a pipe would wait for it."""
    end_with_parent()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    end.send(_draw(figure, source))


def _received(end: Connection, figure: Figure[Any], process: BaseProcess) -> Drawing:
    try:
        drawing = end.recv()
    except (EOFError, OSError):  # it ended before its result was sent, or amid it
        process.join()
        said = f"{_file(figure)}: its process was killed (exit code {process.exitcode}), perhaps for want of memory"
        drawing = Drawing(figures=(), faults=(printable(said),))
    process.join()
    end.close()
    return drawing


def _file(figure: Figure[Any]) -> Path:
    return Path(inspect.getfile(figure.draw))
