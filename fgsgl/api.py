"""The public face of the suite for Python; :mod:`fgsgl` offers its names, and imports them when they are first used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.prediction.trained import Trained, best_cell, trained_cell

if TYPE_CHECKING:
    from fgsgl.prediction.recognizer import Recognizer


def trained(folder: str | Path, what: str | None = None) -> Trained:
    """A finished cell of a board with its weights.

    Args:
        folder: the board's.
        what: a row ("FG-SGL w/o fgsa"), a row and a seed ("FG-SGL, seed 0"), or the beginning of a cell's id. Of a row
            the first seed is taken. None: FG-SGL's best row.

    Raises:
        UserError: if there is no such cell, it sees no frames, or its checkpoint is gone.
    """
    from fgsgl.records.find import find_cells, names_of
    from fgsgl.records.ledger import Ledger

    folder = Path(folder)
    if what is None:
        return trained_cell(folder, best_cell(folder))
    done = Ledger(folder / "ledger").done().values()
    found = find_cells(what, ((names_of(record), record) for record in done), folder / "ledger")
    return trained_cell(folder, min(found, key=lambda record: record.seed))


def load_recognizer(source: str | Path, what: str | None = None, device: str = "auto") -> Recognizer:
    """A trained recognizer, ready to name what videos show.

    Args:
        source: a board's folder, or a file that ``fgsgl export`` wrote.
        what: of a board, as for :func:`trained`.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UserError: if there is no such cell or file, or its weights do not fit.
    """
    from fgsgl.prediction.model_file import read_model
    from fgsgl.prediction.recognizer import Recognizer

    source = Path(source)
    return Recognizer(trained(source, what) if source.is_dir() else read_model(source), device)
