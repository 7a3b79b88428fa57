"""`fgsgl retry`: failed cells run again from what their work folders know, each from its last saved epoch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from fgsgl.data.cache.joint_cache import skeleton_fingerprint
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.prepare import trained_text
from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import FAILURES
from fgsgl.running.execution import Execution
from fgsgl.running.experiment import Show, work_off
from fgsgl.running.preparation import Preparation
from fgsgl.running.progress import cell_label
from fgsgl.running.status import CellState, find_states, states
from fgsgl.util.errors import UserError, nearest


def retry(
    folder: Path, what: str | None, classes: Sequence[str], execution: Execution, console: Console, show: Show
) -> int:
    """Runs the failed cells of a board again, and writes the board.

    Args:
        folder: the board's.
        what: a row or a cell, as for :func:`fgsgl.records.find.find_cells`; None: the whole board.
        classes: of failures (:data:`fgsgl.records.record.FAILURES`); none: all.
        execution: how they are run.
        console: gets the progress and the board.
        show: the board, afterwards.

    Returns:
        1 if a cell failed again, else 0.

    Raises:
        UserError: for an unknown class, a cell that this version of the code would not run as the same cell, and
            whatever ``fgsgl run`` refuses.
    """
    for name in classes:
        if name not in FAILURES:
            raise UserError(f"unknown class of failures {name!r}; {nearest(name, FAILURES)}")
    found = states(folder)
    every = found.cells if what is None else [*found.cells, *found.set_aside]  # the latter where it is named by its id
    failed = [state for state in every if state.state == "failed"]
    meant = failed if what is None else find_states(folder, what)
    ids = {state.cell_id for state in meant}
    chosen = [state for state in failed if state.cell_id in ids and (not classes or state.news in classes)]
    kinds = Counter(state.news for state in failed)
    named = ", ".join(f"{count} {name}" for name, count in kinds.items()) or "none"
    again = f"{len(chosen)} of {len(failed)} failed cells ({named}) are run again" if failed else "no cell has failed"
    console.print(again, markup=False, highlight=False)
    groups: dict[tuple[Protocol, DataSpec], list[Cell]] = defaultdict(list)
    known = {spec.fingerprint: spec.data for state in (*found.cells, *found.set_aside) if (spec := state.spec)}
    for state in chosen:
        cell, data = _cell(state, known)
        groups[cell.protocol, data].append(cell)
    codes = []
    for (protocol, data), cells in groups.items():
        ready = Preparation.checked([cell.variant for cell in cells], (protocol,), data, folder, execution)
        codes.append(_run(ready, cells, console, show))
    return max(codes, default=0)


def _cell(state: CellState, known: Mapping[str, DataSpec]) -> tuple[Cell, DataSpec]:
    """A failed cell and its data, if this version would run it as the same cell.

    A work folder that was deleted, or is torn, is not needed: the record holds the cell, and ``known``, by the
    fingerprint of the data, where other cells of the board found the same data.
    """
    if (spec := state.spec) is not None:
        cell, data = spec.cell, spec.data
    else:
        cell, data = _recorded(state, known)
    if cell.cell_id != state.cell_id:
        raise UserError(
            f"{state.label} (cell {state.cell_id}) failed with other settings, weights or text than this version has "
            f"(which would be cell {cell.cell_id}); the command that planned it plans it anew"
        )
    return cell, data


def _recorded(state: CellState, known: Mapping[str, DataSpec]) -> tuple[Cell, DataSpec]:
    record, protocol = state.record, state.protocol
    assert record is not None  # it has failed
    data = known.get(record.data.fingerprint) or protocol.data_spec(None)
    method = get(record.method)
    variant = Variant(method=record.method, name=record.variant, changes=method.changes_in(record.config))
    cell = Cell(
        variant=variant,
        protocol=protocol,
        seed=record.seed,
        fingerprint=record.data.fingerprint,
        text=data.text,
        trained_text=trained_text(data, data.planned()) if data.trained_on else "",
        skeletons=skeleton_fingerprint(data.load()) if method.modality == "skeleton" else "",
    )
    return cell, data


def _run(ready: Preparation, cells: Sequence[Cell], console: Console, show: Show) -> int:
    table = ready.load(console)
    for cell in cells:
        if cell.fingerprint != table.fingerprint():
            raise UserError(
                f"{cell_label(cell)} (cell {cell.cell_id}) failed on other data than lie at {ready.data.root} now; the "
                "command that planned it plans it anew"
            )
    return work_off(cells, ready.place, console, show)
