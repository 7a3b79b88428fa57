"""Draws figures as files' contents, several at a time where the machine has the cores."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import matplotlib

from fgsgl.report.drawing.figure import Drawing, Figure, FigureFiles
from fgsgl.report.drawing.render import render
from fgsgl.report.drawing.scan import Scan, fault
from fgsgl.style import STYLE
from fgsgl.util.errors import UserError
from fgsgl.util.processes import held

_inherited: tuple[tuple[Figure[Any], ...], Any]
"""In a forked process: the figures and what they are drawn from."""


def draw_all(found: Scan, source: Any) -> Drawing:
    """Draws every figure from one source; the same source gives the same files.

    One process a core draws. Processes are forked, since reading thousands of records again takes longer than drawing,
    and only where no other thread could hold a lock. Elsewhere this process draws.

    Args:
        found: from :func:`fgsgl.report.drawing.scan.scan`. Its faults are passed on.
        source: given to every figure's ``draw``.

    Raises:
        UserError: if a file beside the records is damaged or is not the one that its record names.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" and threading.active_count() == 1 else 1
    workers = min(cores, len(found.figures))
    if workers < 2:
        parts = [_draw(figure, source) for figure in found.figures]
    else:
        given = found.figures, source
        with ProcessPoolExecutor(workers, get_context("fork"), initializer=_inherit, initargs=given) as pool:
            with held():
                drawn = pool.map(_draw_inherited, range(len(found.figures)))
            parts = list(drawn)
    return Drawing(
        figures=tuple(files for part in parts for files in part.figures),
        faults=(*found.faults, *(line for part in parts for line in part.faults)),
    )


def _draw(figure: Figure[Any], source: Any) -> Drawing:
    """All sheets of a figure; where it fails, those before."""
    drawn: list[FigureFiles] = []
    with matplotlib.rc_context(fname=STYLE):
        try:
            for sheet in figure.draw(source):
                drawn.append(render(figure, sheet))
        except UserError:
            raise
        except Exception as error:
            return Drawing(figures=tuple(drawn), faults=(fault(Path(inspect.getfile(figure.draw)), error),))
    return Drawing(figures=tuple(drawn), faults=())


def _inherit(figures: tuple[Figure[Any], ...], source: Any) -> None:
    """Keeps what a forked process draws, and from what."""
    global _inherited
    _inherited = figures, source


def _draw_inherited(number: int) -> Drawing:
    figures, source = _inherited
    return _draw(figures[number], source)
