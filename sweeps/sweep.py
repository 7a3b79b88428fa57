"""A whole sweep: the search of every method, then the rows with the found settings beside the default rows."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from filelock import FileLock
from rich.console import Console

from fgsgl.methods.budget import epochs_of
from fgsgl.methods.cell import Variant
from fgsgl.methods.method import Method
from fgsgl.methods.search_space import Space
from fgsgl.records.identity import digest
from fgsgl.records.optuna_storage import PrunerSpec, open_storage, without_password
from fgsgl.records.protocol import SEALED, Protocol
from fgsgl.running.execution import Execution, Place
from fgsgl.running.fit import require_transferable
from fgsgl.running.preparation import Preparation, require_countable
from fgsgl.running.progress import Live
from fgsgl.running.scheduler import execute
from fgsgl.sweeps.effort import SEEDS_PER_TRIAL, STUDY_COUNTS, TRIAL_COUNTS
from fgsgl.sweeps.liveness import Presence
from fgsgl.sweeps.objectives import require_alone
from fgsgl.sweeps.results import results_by_method
from fgsgl.sweeps.rows import run_rows
from fgsgl.sweeps.samplers import pruner_spec
from fgsgl.sweeps.search import Search, Searches, Timebox
from fgsgl.sweeps.spaces import space_of
from fgsgl.sweeps.study import StudySpec, open_study
from fgsgl.sweeps.tables import print_late, print_plan, studies_table
from fgsgl.util.domain import SEED_COUNTS, require_domains
from fgsgl.util.errors import UserError
from fgsgl.util.files import require_folder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """The methods, spaces and effort of a sweep; the effort is the same for every method.

    Raises:
        UserError: for a count or a time that allows nothing.
    """

    methods: tuple[Method, ...]
    protocol: Protocol
    """Protocol of the rows; the trials run under the same one, sealed."""
    space: str
    """Name of a space, or a YAML file."""
    objectives: tuple[str, ...]
    trials: Annotated[int, TRIAL_COUNTS]
    """Trials of each study."""
    nested: Annotated[int, STUDY_COUNTS]
    """Independent studies of each method."""
    seeds: Annotated[int, SEED_COUNTS]
    """Paired seeds 0..n-1 of the rows."""
    seeds_per_trial: Annotated[int, SEEDS_PER_TRIAL]
    sampler: str
    pruner: str | None
    timeout_s: float
    """Time for the whole sweep, estimated from the cells that have ended."""
    out: Path
    root: Path | None
    transfer_root: Path | None = None
    """The folder of the data that are trained on, where the protocol names others; None: their default place."""
    storage: str | None
    study: str | None
    execution: Execution

    def __post_init__(self) -> None:
        require_domains(self, lambda name: f"--{name.replace('_', '-')}")
        if not self.timeout_s > 0:
            raise UserError(f"--timeout is {self.timeout_s / 60:g}, expected a number of minutes above 0")
        require_countable(len(self.methods) * self.nested * self.trials * self.seeds_per_trial, "cells of trials")
        require_countable(2 * len(self.methods) * self.seeds)

    @property
    def storage_path(self) -> str:
        """Path or URL of the studies' storage, as the cells open it too."""
        if self.storage and "://" in self.storage:
            return self.storage
        return os.path.realpath(self.storage or self.out / "trials" / "studies.journal")

    def study_name(self, spec: StudySpec) -> str:
        """The given name of a study, or one made of method, space and a hash of everything that must not change."""
        method, several = spec.method.name, len(self.methods) > 1
        identity = {**spec.identity(), "sampler": self.sampler}
        base = self.study or f"{method}-{identity['space']}-{digest(identity)[:8]}"
        return base + f"-{method}" * bool(self.study and several) + f"-{spec.nested}" * bool(spec.nested)


def run(sweep: Sweep, console: Console, dry_run: bool) -> int:
    """Searches, then runs the rows and writes the board; returns the exit code (1 if a row's cell failed).

    Raises:
        UserError: for bad input, before anything is trained where that is possible.
    """
    timebox = Timebox(ends_s=time.monotonic() + sweep.timeout_s)
    sealed = dataclasses.replace(sweep.protocol, evaluation=SEALED)
    spaces = {method.name: space_of(method, sweep.space, sealed) for method in sweep.methods}
    pruners = {
        method.name: pruner_spec(sweep.pruner, sweep.objectives, epochs_of(method, sealed), sweep.seeds_per_trial)
        for method in sweep.methods
    }
    require_folder(sweep.out)
    data = sweep.protocol.data_spec(sweep.root, sweep.transfer_root)
    variants = [Variant(method=method.name) for method in sweep.methods]
    ready = Preparation.checked(variants, (sweep.protocol,), data, sweep.out, sweep.execution)
    place = ready.place
    require_alone(sweep.objectives, place.jobs)
    require_transferable(variants, sealed, data)
    storage = None if dry_run else open_storage(sweep.storage_path)
    table = ready.load(console, dry_run=dry_run)
    specs = study_specs(sweep, spaces, pruners, data.text, table.fingerprint(), ready.skeletons(table))
    limits = dataclasses.replace(sweep.execution.limits, keep_checkpoints="none")  # nobody needs a trial's weights
    trials_execution = dataclasses.replace(sweep.execution, limits=limits)
    trials_place = dataclasses.replace(place, out=sweep.out / "trials", execution=trials_execution)
    if storage is None:
        print_plan(sweep, specs, trials_place, console)
        return 0
    trials_place.out.mkdir(parents=True, exist_ok=True)
    with FileLock(trials_place.out / "studies.lock"):  # else two commands could enqueue the default settings twice
        studies = [open_study(storage, sweep.study_name(spec), spec) for spec in specs]
    for record in trials_place.ledger.records().values():
        timebox.see(record)
    search(sweep, specs, studies, storage, trials_place, timebox, console)
    if place.execution.limits.over:
        over = f"{place.execution.limits.max_hours:g} hours are over (--max-hours)"
        console.print(f"{over}: the same command goes on from here", markup=False, highlight=False)
        return 0
    results = results_by_method(specs, studies)
    console.print(studies_table(results))
    if not any(result.finished for result in results):
        raise UserError("no trial has finished: all were pruned or failed; give the search more --trials")
    return run_rows(sweep, results, trials_place.ledger, place, timebox, console)


def study_specs(
    sweep: Sweep,
    spaces: Mapping[str, Space],
    pruners: Mapping[str, PrunerSpec],
    text: str,
    fingerprint: str,
    skeletons: str,
) -> list[StudySpec]:
    """The studies of a sweep, the first of each method before the second of any.

    Args:
        sweep: the whole sweep.
        spaces, pruners: by method.
        text, fingerprint, skeletons: of the data, as for :class:`fgsgl.methods.cell.Cell`.
    """
    return [
        StudySpec(
            method=method,
            space_name=sweep.space,
            space=spaces[method.name],
            protocol=dataclasses.replace(sweep.protocol, evaluation=SEALED),
            fingerprint=fingerprint,
            text=text,
            skeletons=skeletons,
            objectives=sweep.objectives,
            sampler=sweep.sampler,
            pruner=pruners[method.name],
            seeds=sweep.seeds_per_trial,
            nested=nested,
        )
        for nested in range(sweep.nested)
        for method in sweep.methods
    ]


def search(
    sweep: Sweep,
    specs: Sequence[StudySpec],
    studies: Sequence[Study],
    storage: BaseStorage,
    place: Place,
    timebox: Timebox,
    console: Console,
) -> None:
    """Runs the trials that are left and fit into the time.

    Raises:
        UserError: if every study gave up.
    """
    with Presence(place.out / "commands", storage) as presence:
        searches = [
            Search(spec, study, sweep.storage_path, sweep.trials, presence, timebox)
            for spec, study in zip(specs, studies, strict=True)
        ]
        left = [one.left() for one in searches]
        console.print(
            f"{sum(left)} of {sweep.trials * len(studies)} trials to run, {place.jobs} at a time; studies: "
            f"{without_password(sweep.storage_path)}",
            markup=False, highlight=False, soft_wrap=True,
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
        print_late(f"{late} trial(s)", sweep.timeout_s, console)
