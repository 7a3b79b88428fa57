"""The rows of a sweep: every method with its default settings and with those that the search found, on the test
split, with fresh and paired seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import add_to_plan
from fgsgl.records.row_key import TUNED
from fgsgl.report.report import show_board_if_changed
from fgsgl.running.execution import Place
from fgsgl.running.experiment import committed, tell_results, work_off
from fgsgl.running.planning import cells, plan, undone
from fgsgl.sweeps.report import write_results
from fgsgl.sweeps.results import MethodResult, plan_entry
from fgsgl.sweeps.search import Timebox
from fgsgl.sweeps.tables import print_late

if TYPE_CHECKING:
    from fgsgl.sweeps.sweep import Sweep


def run_rows(
    sweep: Sweep,
    results: Sequence[MethodResult],
    trials: Ledger,
    place: Place,
    timebox: Timebox,
    console: Console,
) -> int:
    """Runs the default and the tuned row of each method and writes the results beside their board.

    A method without a finished trial has only its default row. Cells that do not fit into the time stay planned.

    Args:
        sweep: the whole sweep.
        results: of each method.
        trials: the ledger of the trials.
        place: where the rows run.
        timebox: the time that is left.
        console: gets the progress and the board.

    Returns:
        1 if a cell failed, else 0.
    """
    wanted = row_cells(sweep, results)
    planned = plan(wanted, place.ledger, committed())
    entries = [plan_entry(result, trials, sweep.protocol.hash()) for result in results]
    add_to_plan(sweep.out, [item.cell.planned() for item in planned], tunings=entries)
    failed_before = tell_results(planned, sweep.out, console)
    todo = undone(planned)
    in_time = _first_trained(todo, timebox.rounds() * place.jobs)
    code = work_off(in_time, place, console, show_board_if_changed)
    if len(in_time) < len(todo):
        print_late(f"{len(todo) - len(in_time)} of {len(todo)} cells of the rows", sweep.timeout_s, console)
    for fault in write_results(sweep.out, results, trials, sweep.protocol.hash()):
        console.print(f"figure left out: {fault}", markup=False, highlight=False)
    console.print(f"tuning: {sweep.out / 'tuning.md'}, settings: {sweep.out / 'best'}", markup=False, highlight=False)
    return max(code, int(failed_before))


def row_cells(sweep: Sweep, results: Sequence[MethodResult]) -> list[Cell]:
    """The cells of all rows, floors and ceilings included.

    Seed s of a tuned row has the settings of study s modulo the number of studies, so that the row's spread includes
    the spread of the search.
    """
    data = results[0].spec  # of which all studies have the same
    variants = tuple(Variant(method=method.name) for method in sweep.methods)
    default = cells(variants, sweep.protocol, sweep.seeds, data.fingerprint, data.text, data.skeletons)
    tuned = [
        Cell(
            variant=Variant(method=result.method, name=TUNED, changes=result.changes(seed)),
            protocol=sweep.protocol,
            seed=seed,
            fingerprint=data.fingerprint,
            text=data.text,
            skeletons=data.skeletons,
        )
        for seed in range(sweep.seeds)
        for result in results
        if result.finished
    ]
    return [*default, *tuned]


def _first_trained(todo: Sequence[Cell], count: float) -> list[Cell]:
    """The first ``count`` cells that are trained, and all the others, which take next to no time; none for 0."""
    trained = [cell for cell in todo if cell.method.recipe]
    late = set() if count >= len(trained) else {cell.cell_id for cell in trained[int(count) :]}
    return [cell for cell in todo if cell.cell_id not in late] if count else []
