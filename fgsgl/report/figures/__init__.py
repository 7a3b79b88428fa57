"""The figures of a report, one file each, found by scanning this folder.

A file offers ``NAME`` (of its image files, without a suffix), ``TITLE`` (what it shows, for a heading) and
``draw(inputs) -> iterator of Sheet``: one, several (a protocol or a clip each), or none where the board holds nothing
for it. :mod:`fgsgl.testing.figure_contract` says what a sheet must keep.
"""

from __future__ import annotations

import gc
import importlib
import io
import itertools
import os
import pkgutil
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from PIL import Image

from fgsgl.records.predictions import Predictions
from fgsgl.records.record import Record
from fgsgl.records.row_key import RowKey
from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board.board import REFERENCE, Board, row_key
from fgsgl.report.board.predictions import predictions_beside
from fgsgl.style import STYLE
from fgsgl.util.escaping import no_formula
from fgsgl.util.files import write_whole
from fgsgl.util.processes import held


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """One drawn figure."""

    figure: Figure
    table: pd.DataFrame
    """The numbers behind it."""
    caption: str
    """Whole sentences on what is drawn and over how much, from what was computed."""
    suffix: str = ""
    """What its file name has after the module's NAME, where the module draws several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A figure as it lies on disk."""

    name: str
    title: str
    caption: str
    png: Path
    pdf: Path
    csv: Path


@dataclass(frozen=True)
class Inputs:
    """What figures are drawn from; whatever is read or computed for one is there for the next."""

    board: Board
    ablations: Sequence[Ablation] = ()
    """The board's designs, evaluated."""
    _predictions: dict[RowKey, list[Predictions]] = field(default_factory=dict)

    def scored(self, row: Any) -> tuple[Record, ...]:
        """The records behind the numbers of a row of the board's table, by seed."""
        return self.board.scored.get(row_key(row), ())

    def predictions(self, row: Any) -> list[Predictions]:
        """Those of every seed of a row of :meth:`with_predictions`.

        Raises:
            UserError: from :func:`fgsgl.report.board.predictions.predictions_beside`.
        """
        key = row_key(row)
        if key not in self._predictions:
            ledger = self.board.folder / "ledger"
            self._predictions[key] = [predictions_beside(ledger, record) for record in self.scored(row)]
        return self._predictions[key]

    @cached_property
    def _lying(self) -> set[str]:
        """The cells whose predictions lie beside their records."""
        return {path.stem for path in (self.board.folder / "ledger").glob("*.npz")}

    def with_predictions(self) -> list[Any]:
        """The rows of measured methods whose predictions lie beside their records: FG-SGL first, then full methods,
        then variants, each the best first."""
        rows = [row for row in self.board.table.itertuples() if row.kind == "method" and row.n_seeds]
        rows = [row for row in rows if all(record.cell_id in self._lying for record in self.scored(row))]
        return sorted(rows, key=lambda row: ((row.method, row.variant) != REFERENCE, row.variant != "full", row.Index))


def factorial_designs(inputs: Inputs) -> Iterator[tuple[str, Ablation]]:
    """The factorial designs of which every arm has a seed, each with its suffix: none where there is one design."""
    found = [ablation for ablation in inputs.ablations if ablation.effects is not None]
    for number, ablation in enumerate(found, start=1):
        yield f"-{number}" if len(found) > 1 else "", ablation


def modules(package: ModuleType | None = None) -> Iterator[ModuleType]:
    """Every figure's module of a package, by name; of this one where none is given."""
    package = package or sys.modules[__name__]
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        yield importlib.import_module(f"{package.__name__}.{module.name}")


def write(board: Board, folder: Path, ablations: Sequence[Ablation] = ()) -> tuple[Written, ...]:
    """Draws every figure that the board and its designs hold something for, as ``<name>.{png,pdf,csv}`` in ``folder``.

    The same board gives the same files. A page shows each with its ``title``, ``caption`` and image.

    Raises:
        UserError: if a file beside the records is damaged or is not the one that its record names.
    """
    with beside(board, folder, ablations) as written:
        return tuple(written)


@contextmanager
def beside(board: Board, folder: Path, ablations: Sequence[Ablation] = ()) -> Iterator[Iterator[Written]]:
    """As :func:`write`, while the block does something else; to go through what it is given is to wait for each figure.

    A process a core draws. They are forked, since reading ten thousand records again takes longer than drawing; and
    forked only where no other thread could hold a lock. Elsewhere a figure is drawn when it is asked for.
    """
    job, names = _Job(Inputs(board, ablations), folder), [module.NAME for module in modules()]
    # Drawing makes much garbage; without this, a fifth of the time went into looking for some among 10,000 records.
    gc.freeze()
    try:
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" and threading.active_count() == 1 else 1
        if cores == 1:
            yield itertools.chain.from_iterable(map(job.draw, names))
            return
        workers = min(cores, len(names))
        with ProcessPoolExecutor(workers, get_context("fork"), initializer=_inherit, initargs=(job,)) as pool:
            with held():
                drawn = pool.map(_draw, names)
            yield itertools.chain.from_iterable(drawn)
    finally:
        gc.unfreeze()


@dataclass(frozen=True, slots=True)
class _Job:
    """What a process that draws is given."""

    inputs: Inputs
    folder: Path

    def draw(self, name: str) -> list[Written]:
        """All sheets of a module."""
        module = next(module for module in modules() if name == module.NAME)
        with matplotlib.rc_context(fname=STYLE):
            return [write_sheet(sheet, module, self.folder) for sheet in module.draw(self.inputs)]


def _inherit(job: _Job) -> None:
    """In a forked process: what it draws for."""
    global _inherited
    _inherited = job


def _draw(name: str) -> list[Written]:
    return _inherited.draw(name)


def write_sheet(sheet: Sheet, module: ModuleType, folder: Path) -> Written:
    """Writes one figure of a module as ``<name>.{png,pdf,csv}``."""
    name = f"{module.NAME}{sheet.suffix}"
    paths = {kind: folder / f"{name}.{kind}" for kind in ("png", "pdf", "csv")}
    write_whole(paths["png"], image(sheet.figure, "png"))
    sheet.figure.set_layout_engine("none")  # what the first drawing found holds for the second
    write_whole(paths["pdf"], image(sheet.figure, "pdf"))
    write_whole(paths["csv"], _csv(sheet.table))
    return Written(name=name, title=module.TITLE, caption=sheet.caption, **paths)


def image(figure: Figure, kind: str) -> bytes:
    """The figure as a PDF without the time at which it was drawn, or as a PNG of at most 256 colours, which takes a
    third of the bytes, on disk and in the page."""
    buffer = io.BytesIO()
    # Figure.savefig draws once more before, to find a layout that drawing finds anyway.
    if kind == "png":
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3])
        few = drawn.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(buffer, "PNG", dpi=(figure.dpi, figure.dpi))
    else:
        FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None})
    return buffer.getvalue()


def _csv(table: pd.DataFrame) -> str:
    texts = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    guarded = table.assign(**{name: [no_formula(str(text)) for text in table[name]] for name in texts})
    return guarded.to_csv(index=False, lineterminator="\n", float_format="%.6g")
