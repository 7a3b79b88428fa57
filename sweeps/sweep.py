"""A whole sweep: the search of every method, then the rows with the settings found beside those with the defaults."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.sweeps.liveness import Presence
from fgsgl.sweeps.report import value_text, write_results
from fgsgl.sweeps.results import Tuning, plan_entry, tunings
from fgsgl.sweeps.samplers import pruner_spec
from fgsgl.sweeps.search import Search, Searches, Timebox
from fgsgl.sweeps.spaces import space_of
from fgsgl.sweeps.study import Question, open_study
from filelock import FileLock
from rich.console import Console
from rich.table import Table

from fgsgl.data import datasets
from fgsgl.data.clip_table import ClipTable
from fgsgl.data.prepare import data_root, prepare
from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.method import Method
from fgsgl.records.identity import digest
from fgsgl.records.ledger import Ledger
from fgsgl.records.optuna_storage import open_storage, shown
from fgsgl.records.plan_file import write_plan
from fgsgl.records.protocol import SEALED, Protocol
from fgsgl.records.record import Record
from fgsgl.records.row_key import TUNED
from fgsgl.report.board.tuned import assignments
from fgsgl.report.report import show_board_if_changed
from fgsgl.running.execution import Execution, Place, local_place
from fgsgl.running.experiment import committed, require_division, tell_results, work_off
from fgsgl.running.planning import alike, cells, expected_s, on_record, plan, undone
from fgsgl.running.progress import Live
from fgsgl.running.scheduler import execute
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """What is searched, and with how much effort: the same for every method."""

    methods: tuple[Method, ...]
    protocol: Protocol
    """Of the rows; the trials run under the same one, sealed."""
    space: str
    """A name, or a YAML file."""
    objectives: tuple[str, ...]
    trials: int
    """Of each study."""
    nested: int
    """Independent studies of each method."""
    seeds: int
    """Paired seeds 0..n-1 of the rows."""
    seeds_per_trial: int
    sampler: str
    pruner: str | None
    timeout_s: float
    """In which the whole is to end, as far as cells take as long as those before them."""
    out: Path
    root: Path | None
    storage: str | None
    study: str | None
    execution: Execution

    def __post_init__(self) -> None:
        for name in ("trials", "nested", "seeds", "seeds_per_trial"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} is {getattr(self, name)}, expected at least 1")
        if not self.timeout_s > 0:
            raise UserError(f"--timeout is {self.timeout_s / 60:g}, expected a number of minutes above 0")

    @property
    def where(self) -> str:
        """The storage, as the cells open it too."""
        if self.storage and "://" in self.storage:
            return self.storage
        return str((Path(self.storage) if self.storage else self.out / "trials" / "studies.journal").resolve())

    def name(self, question: Question) -> str:
        """The name of a question's study: the given one, or one that tells questions apart."""
        method, several = question.method.name, len(self.methods) > 1
        identity = {**question.identity(), "sampler": self.sampler}
        base = self.study or f"{method}-{identity['space']}-{digest(identity)[:8]}"
        return base + f"-{method}" * bool(self.study and several) + f"-{question.nested}" * bool(question.nested)


def run(sweep: Sweep, console: Console, dry_run: bool) -> int:
    """Searches, then runs the rows and writes the board; returns the exit code (1 if a row's cell failed).

    Raises:
        UserError: for bad input, before anything is trained where that is possible.
    """
    timebox = Timebox(ends_s=time.monotonic() + sweep.timeout_s)
    sealed = dataclasses.replace(sweep.protocol, evaluation=SEALED)
    spaces = {method.name: space_of(method, sweep.space, sealed) for method in sweep.methods}
    pruner = pruner_spec(sweep.pruner, sweep.objectives, sealed.epochs, sweep.seeds_per_trial)
    root = data_root(sweep.protocol, sweep.root)
    place = local_place(sweep.out, root, sweep.execution)
    require_division(sweep.protocol, sweep.execution.devices)
    storage = None if dry_run else open_storage(sweep.where)
    table = prepare([method.name for method in sweep.methods], sweep.protocol, root, console, dry_run=dry_run)
    questions = [
        Question(
            method=method,
            space_name=sweep.space,
            space=spaces[method.name],
            protocol=sealed,
            fingerprint=table.fingerprint(),
            text=datasets.get(sealed.dataset).text(root),
            objectives=sweep.objectives,
            sampler=sweep.sampler,
            pruner=pruner,
            seeds=sweep.seeds_per_trial,
            nested=nested,
        )
        for nested in range(sweep.nested)
        for method in sweep.methods
    ]
    limits = dataclasses.replace(sweep.execution.limits, keep_checkpoints="none")  # a trial's weights serve nobody
    trials_execution = dataclasses.replace(sweep.execution, limits=limits)
    trials_place = dataclasses.replace(place, out=sweep.out / "trials", execution=trials_execution)
    if dry_run:
        show_questions(sweep, questions, trials_place, console)
        return 0
    trials_place.out.mkdir(parents=True, exist_ok=True)
    with FileLock(trials_place.out / "studies.lock"):  # two commands would begin a study with the defaults twice
        studies = [open_study(storage, sweep.name(question), question) for question in questions]
    for record in trials_place.ledger.records().values():
        timebox.see(record)
    search(sweep, questions, studies, storage, trials_place, timebox, console)
    if place.execution.limits.over:
        over = f"{place.execution.limits.max_hours:g} hours are over (--max-hours)"
        console.print(f"{over}: the same command goes on from here", highlight=False)
        return 0
    found = tunings(questions, studies)
    console.print(studies_table(found))
    if not any(tuning.found for tuning in found):
        raise UserError("no trial has finished: all were pruned or failed; give the search more --trials")
    return run_rows(sweep, found, trials_place.ledger, place, timebox, table, console)


def search(
    sweep: Sweep,
    questions: Sequence[Question],
    studies: Sequence[Study],
    storage: BaseStorage,
    place: Place,
    timebox: Timebox,
    console: Console,
) -> None:
    """Runs the trials that are left, as far as the time goes."""
    with Presence(place.out / "commands", storage) as presence:
        searches = [
            Search(question, study, sweep.where, sweep.trials, presence, timebox)
            for question, study in zip(questions, studies, strict=True)
        ]
        left = [one.left() for one in searches]
        console.print(
            f"{sum(left)} of {sweep.trials * len(studies)} trials to run, {place.jobs} at a time; studies: "
            f"{shown(sweep.where)}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
        if any(left):
            with Live(console, sum(left) * sweep.seeds_per_trial) as live:
                execute(Searches(searches), place, live)
    given_up = [one.given_up for one in searches if one.given_up]
    if len(given_up) == len(searches):
        raise UserError(given_up[0])
    for line in given_up:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    for one in searches:
        if one.exhausted:
            line = f"{one.study.study_name}: its space holds no further settings after {one.begun} trials"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    late = sum(one.left() for one in searches if not (one.given_up or one.exhausted))
    if late and not place.execution.limits.over:
        tell_late(f"{late} trial(s)", sweep, console)


def tell_late(what: str, sweep: Sweep, console: Console) -> None:
    """Says what was not started for want of time."""
    said = f"{what} would not have ended within {sweep.timeout_s / 60:g} minutes (--timeout)"
    console.print(f"{said}: the same command goes on from here", highlight=False)


def run_rows(
    sweep: Sweep,
    found: Sequence[Tuning],
    trials: Ledger,
    place: Place,
    timebox: Timebox,
    table: ClipTable,
    console: Console,
) -> int:
    """Runs every method with its default settings and with those found, by fresh and paired seeds, and writes what was
    found beside their board.

    Seed s of a tuned row has the settings of the study s modulo their number, so that its spread holds that of the
    search. A method of which no trial finished has its default row alone. What the time does not hold stays planned.
    """
    text = found[0].question.text
    wanted = cells(
        tuple(Variant(method=method.name) for method in sweep.methods), sweep.protocol, sweep.seeds,
        table.fingerprint(), text,
    )  # fmt: skip
    tuned = [
        Cell(
            variant=Variant(method=tuning.method, name=TUNED, changes=tuning.changes(seed)),
            protocol=sweep.protocol,
            seed=seed,
            fingerprint=table.fingerprint(),
            text=text,
        )
        for seed in range(sweep.seeds)
        for tuning in found
        if tuning.found
    ]
    planned = plan([*wanted, *tuned], place.ledger, committed())
    entries = [plan_entry(tuning, trials, sweep.protocol.hash()) for tuning in found]
    write_plan(sweep.out / "plan.json", planned, tunings=entries)
    failed_before = tell_results(planned, sweep.out, console)
    todo = undone(planned)
    in_time = _in_time(todo, timebox.rounds() * place.jobs)
    code = work_off(in_time, place, console, show_board_if_changed)
    if len(in_time) < len(todo):
        tell_late(f"{len(todo) - len(in_time)} of {len(todo)} cells of the rows", sweep, console)
    for fault in write_results(sweep.out, found, trials, sweep.protocol.hash()):
        console.print(f"figure left out: {fault}", markup=False, highlight=False)
    console.print(f"tuning: {sweep.out / 'tuning.md'}, settings: {sweep.out / 'best'}", highlight=False)
    return max(code, int(failed_before))


def _in_time(todo: Sequence[Cell], count: float) -> list[Cell]:
    """So many of the cells that train, and with them those that do not, which take next to no time."""
    trained = [cell for cell in todo if cell.method.recipe]
    late = set() if count >= len(trained) else {cell.cell_id for cell in trained[int(count) :]}
    return [cell for cell in todo if cell.cell_id not in late] if count else []


def show_questions(sweep: Sweep, questions: Sequence[Question], place: Place, console: Console) -> None:
    """Prints the spaces, the trials, and how long they may take."""
    for method in sweep.methods:
        space = next(question.space for question in questions if question.method is method)
        view = Table("parameter", "values", "when", "meaning", title=f"{method.display_name}: {sweep.space}")
        for param in space:
            view.add_row(param.name, param.levels, param.condition, param.help)
        console.print(view)
    count = sweep.trials * sweep.seeds_per_trial + 2 * sweep.seeds / sweep.nested  # of a study, with its part of rows
    records = on_record(place.ledger, committed())
    cell_s = [_cell_s(question, records) for question in questions]
    known = [count * seconds for seconds in cell_s if seconds is not None]
    missing = f" for {len(known)} of the studies" if known and len(known) < len(questions) else ""
    about = f"about {math.ceil(sum(known) / place.jobs / 60)} min with {place.jobs} at a time{missing}"
    held = f"; what would not end within {sweep.timeout_s / 60:g} min is left for the same command (--timeout)"
    held = "" if sweep.timeout_s == math.inf else held
    identity = questions[0].identity()
    console.print(
        f"studies: {len(questions)}, trials of each: {sweep.trials}, cells of each trial: {sweep.seeds_per_trial}, "
        f"epochs of each cell: {questions[0].protocol.epochs}, fewer where it is pruned\n"
        f"objective: {', '.join(identity['objective'])} on the validation split; {identity['sampler']}; "
        f"{identity['pruner']}\n"
        f"then default and tuned settings with paired seeds: {2 * sweep.seeds * len(sweep.methods)} cells\n"
        f"{about if known else 'time unknown'}{held}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _cell_s(question: Question, records: Sequence[Record]) -> float | None:
    """What a cell of a study may take."""
    of_method = alike(question.method.name, question.protocol.as_dict(), records)
    return expected_s("", question.protocol.epochs, of_method)


def studies_table(found: Sequence[Tuning]) -> Table:
    """The studies: how their trials ended, the best value, and the settings behind it."""
    objectives = found[0].question.objectives
    view = Table("study", "trials", "pruned", "failed", *objectives, "best settings")
    for answer in (answer for tuning in found for answer in tuning.answers):
        counted = (str(len(answer.trials)), str(answer.ended("PRUNED")), str(answer.ended("FAIL")))
        best = ("-",) * (len(objectives) + 1)
        if answer.best:
            values = map(value_text, objectives, answer.best.values)
            best = (*values, assignments(answer.best.params))
        view.add_row(answer.study.study_name, *counted, *best)
    return view
