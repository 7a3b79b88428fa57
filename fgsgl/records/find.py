"""Finds cells by what a user calls them: a row's name, a row's name with a seed, or the beginning of a cell's id."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile
from fgsgl.records.reading import read_record
from fgsgl.records.record import Record
from fgsgl.records.row_key import FULL
from fgsgl.records.set_aside import ids_set_aside
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import printable

SHOWN = 5
"""Cells that an error names."""


class Identified(Protocol):
    """A cell in any form: its record, or its state."""

    @property
    def cell_id(self) -> str: ...

    @property
    def seed(self) -> int: ...


C = TypeVar("C", bound=Identified)
Named = tuple[Sequence[str], C]
"""The names of a cell's row, the best first, and the cell."""


def find_cells(what: str, cells: Iterable[Named[C]], where: Path) -> list[C]:
    """The cells that a user means.

    Args:
        what: a row's name (``FG-SGL w/o fgsa``), a row's name with a seed (``FG-SGL w/o fgsa, seed 0``), or the
            beginning of a cell's id.
        cells: where to look. A cell may be that of two rows, or of none.
        where: the folder that errors name.

    Raises:
        UserError: if nothing is called so, or the ids of several cells begin so.
    """
    cells = list(cells)
    row, _, seed = what.rpartition(", seed ")
    for found in (
        [cell for names, cell in cells if what in names],
        [cell for names, cell in cells if row in names and str(cell.seed) == seed],
    ):
        if found:
            return found
    by_id = {cell.cell_id: (names, cell) for names, cell in cells}
    begin = {cell_id: named for cell_id, named in by_id.items() if cell_id.startswith(what)}
    if len(begin) == 1:
        return [cell for _, cell in begin.values()]
    if begin:
        raise UserError(f"{len(begin)} cells in {where} begin with {what!r}: {_some(begin)}; give more of the id")
    have = f"{len(by_id)}: {_some(by_id)}" if by_id else "none; expected the folder of a board"
    close = difflib.get_close_matches(what, sorted({name for names, _ in cells for name in names}), n=3, cutoff=0.5)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    raise UserError(f"no cell in {where} begins with {what!r}; it has {have}; and no row is called {what!r}{hint}")


def find_cell(what: str, cells: Iterable[Named[C]], where: Path) -> C:
    """The one cell that a user means; arguments as for :func:`find_cells`.

    Raises:
        UserError: as :func:`find_cells`, and if several cells are meant.
    """
    found = {cell.cell_id: ((what,), cell) for cell in find_cells(what, cells, where)}
    if len(found) > 1:
        raise UserError(f"{what!r} means {len(found)} cells of {where}: {_some(found)}; name one of them")
    ((_, cell),) = found.values()
    return cell


def find_record(what: str, ledger: Ledger) -> Record:
    """The one record that a user means; where that is the beginning of one id, no other record is read. A name means
    none that is set aside (:mod:`fgsgl.records.set_aside`).

    Raises:
        UserError: as :func:`find_cell`, or if that record cannot be read.
    """
    begin = [path for path in ledger.folder.glob("*.json") if what and path.stem.startswith(what)]
    if len(begin) == 1:
        return read_record(begin[0])
    found = ledger.readable()
    records = tuple(found.records.values())
    aside = ids_set_aside(records, PlanFile.read(ledger.folder.parent, records).cells)
    named = ((() if record.cell_id in aside else names_of(record), record) for record in records)
    try:
        return find_cell(what, named, ledger.folder)
    except UserError as error:
        raise UserError(f"{error}{_unread(found.faults)}") from None


def refuse_unread(what: str, faults: Mapping[str, str]) -> None:
    """Refuses the beginning of an id that means a record which cannot be read.

    Args:
        what: a cell, as the user names it.
        faults: from :meth:`fgsgl.records.ledger.Ledger.readable`.

    Raises:
        UserError: saying what is wrong with the record.
    """
    begin = [cell_id for cell_id in faults if what and cell_id.startswith(what)]
    if len(begin) == 1:
        raise UserError(faults[begin[0]])


def _unread(faults: Mapping[str, str]) -> str:
    """``; 2 records there cannot be read (02ac..., 7c1a...)``; empty where there are none."""
    named = ", ".join(itertools.islice(faults, SHOWN)) + (", ..." if len(faults) > SHOWN else "")
    return f"; {len(faults)} record(s) there cannot be read ({printable(named)})" if faults else ""


def row_names(method: str, display_name: str, variant: str) -> tuple[str, str]:
    """What a row may be called: ``FG-SGL w/o fgsa`` or ``fgsgl w/o fgsa``; without the variant where that is full."""
    more = "" if variant == FULL else f" {variant}"
    return display_name + more, method + more


def names_of(record: Record) -> tuple[str, str]:
    """What the row of a record may be called."""
    return row_names(record.method, record.config.display_name, record.variant)


def _some(cells: Mapping[str, Named[Identified]]) -> str:
    """``02ac1e1001234567 (FG-SGL w/o fgsa, seed 0), ...``: cells by their id."""
    shown = (f"{cell_id} ({', '.join([*names[:1], f'seed {cell.seed}'])})" for cell_id, (names, cell) in cells.items())
    return ", ".join(itertools.islice(shown, SHOWN)) + (", ..." if len(cells) > SHOWN else "")
