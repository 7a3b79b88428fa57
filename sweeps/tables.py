"""Printed views of a sweep: its plan before it runs, its studies afterwards, and what the time did not allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from fgsgl.records.record import Done
from fgsgl.report.board.tuned import assignments
from fgsgl.running.execution import Place
from fgsgl.running.experiment import committed
from fgsgl.running.planning import alike, expected_s, on_record
from fgsgl.sweeps.report import value_text
from fgsgl.sweeps.results import MethodResult
from fgsgl.sweeps.study import StudySpec

if TYPE_CHECKING:
    from fgsgl.sweeps.sweep import Sweep


def print_plan(sweep: Sweep, specs: Sequence[StudySpec], place: Place, console: Console) -> None:
    """Prints the spaces, the number of trials, and how long they may take.

    Args:
        sweep: the whole sweep.
        specs: the specification of each study.
        place: where the trials run.
        console: is printed to.
    """
    for method in sweep.methods:
        space = next(spec.space for spec in specs if spec.method is method)
        view = Table("parameter", "values", "when", "meaning", title=f"{method.display_name}: {sweep.space}")
        for param in space:
            view.add_row(param.name, param.levels, param.condition, param.help)
        console.print(view)
    cells_of_study = sweep.trials * sweep.seeds_per_trial + 2 * sweep.seeds / sweep.nested  # with its share of the rows
    records = on_record(place.ledger, committed())
    cell_s = [_cell_s(spec, records) for spec in specs]
    known = [cells_of_study * seconds for seconds in cell_s if seconds is not None]
    missing = f" for {len(known)} of the studies" if known and len(known) < len(specs) else ""
    about = f"about {math.ceil(sum(known) / place.jobs / 60)} min with {place.jobs} at a time{missing}"
    late = f"; what would not end within {sweep.timeout_s / 60:g} min is left for the same command (--timeout)"
    late = "" if sweep.timeout_s == math.inf else late
    identity = specs[0].identity()
    console.print(
        f"studies: {len(specs)}, trials of each: {sweep.trials}, cells of each trial: {sweep.seeds_per_trial}, "
        f"epochs of each cell: {_epochs(specs)}, fewer where it is pruned\n"
        f"objective: {', '.join(identity['objective'])} on the validation split; {identity['sampler']}; "
        f"{identity['pruner']}\n"
        f"then default and tuned settings with paired seeds: {2 * sweep.seeds * len(sweep.methods)} cells\n"
        f"{about if known else 'time unknown'}{late}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def _epochs(specs: Sequence[StudySpec]) -> str:
    """``4``, or with an equal-compute budget ``4 of fgsgl, 2 of tsm``."""
    if specs[0].protocol.budget == "epochs":
        return str(specs[0].epochs)
    return ", ".join(dict.fromkeys(f"{spec.epochs} of {spec.method.name}" for spec in specs))


def _cell_s(spec: StudySpec, records: Sequence[Done]) -> float | None:
    """Expected seconds of a study's cell; None: no record to go by."""
    of_method = alike(spec.method.name, spec.protocol, records)
    return expected_s("", spec.epochs, of_method)


def studies_table(results: Sequence[MethodResult]) -> Table:
    """The studies: how their trials ended, the best value, and its settings."""
    objectives = results[0].spec.objectives
    view = Table("study", "trials", "pruned", "failed", *objectives, "best settings")
    for study in (study for result in results for study in result.studies):
        counted = (str(len(study.trials)), str(study.ended("PRUNED")), str(study.ended("FAIL")))
        best = ("-",) * (len(objectives) + 1)
        if study.best:
            best = (*map(value_text, objectives, study.best.values), assignments(study.best.params))
        view.add_row(study.name, *counted, *best)
    return view


def print_late(what: str, timeout_s: float, console: Console) -> None:
    """Prints what was not started because the time was too short."""
    said = f"{what} would not have ended within {timeout_s / 60:g} minutes (--timeout)"
    console.print(f"{said}: the same command goes on from here", markup=False, highlight=False)
