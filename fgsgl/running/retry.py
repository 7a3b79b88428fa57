"""`fgsgl retry`: failed cells run again from what their work folders know, each from its last saved epoch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fgsgl.methods.cell import Cell
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import FAILURES
from fgsgl.running.execution import Execution, Place, local_place
from fgsgl.running.experiment import Show, prepare_data, work_off
from fgsgl.running.fit import require_buildable
from fgsgl.running.status import CellState, find_states, states
from fgsgl.training.cell_spec import CellSpec
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
        UserError: for an unknown class, a cell whose work folder is gone or which this version of the code would not
            run as the same cell, and whatever ``fgsgl run`` refuses.
    """
    for name in classes:
        if name not in FAILURES:
            raise UserError(f"unknown class of failures {name!r}; {nearest(name, FAILURES)}")
    failed = [state for state in states(folder).cells if state.state == "failed"]
    meant = failed if what is None else find_states(folder, what)
    ids = {state.cell_id for state in meant}
    chosen = [state for state in failed if state.cell_id in ids and (not classes or state.news in classes)]
    found = Counter(state.news for state in failed)
    named = ", ".join(f"{count} {name}" for name, count in found.items()) or "none"
    console.print(f"{len(chosen)} of {len(failed)} failed cells ({named}) are run again", markup=False, highlight=False)
    groups: dict[tuple[Protocol, Path], list[Cell]] = defaultdict(list)
    for state in chosen:
        spec = _spec(state)
        cell = spec.cell
        groups[cell.protocol, spec.root].append(cell)
    codes = [
        _run(local_place(folder, root, execution), protocol, cells, console, show)
        for (protocol, root), cells in groups.items()
    ]
    return max(codes, default=0)


def _spec(state: CellState) -> CellSpec:
    """The specification of a failed cell, if this version would run it as the same cell."""
    spec = state.spec
    if spec is None:
        raise UserError(
            f"{state.label}: no {state.work_dir / 'spec.json'}, which tells how it is run; the command that planned it "
            f"runs it again once its record {state.cell_id}.json is taken out of the ledger"
        )
    cell = spec.cell
    if cell.cell_id != state.cell_id:
        raise UserError(
            f"{state.label} (cell {state.cell_id}) failed with other settings, weights or text than this version has "
            f"(which would be cell {cell.cell_id}); the command that planned it plans it anew"
        )
    return spec


def _run(place: Place, protocol: Protocol, cells: Sequence[Cell], console: Console, show: Show) -> int:
    data = protocol.data_spec(place.root)
    require_buildable([cell.variant for cell in cells], protocol, data.text)
    prepare_data([cell.variant.method for cell in cells], protocol, data, console)
    return work_off(cells, place, console, show)
