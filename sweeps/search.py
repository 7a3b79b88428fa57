"""Running a search: the cells that Optuna's studies ask for, until each study has its trials or the time is over.

Several commands may work on one study. Its storage knows how many trials there are; of trials that are begun at the
same time, only the first ones up to the wanted number are kept. A trial is one cell, or several cells with one seed
each, which run one after the other.
"""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fgsgl.methods.cell import Cell
from fgsgl.methods.method import Setting
from fgsgl.methods.search_space import changes_of, suggest
from fgsgl.records.optuna_storage import TrialSpec
from fgsgl.records.record import Done, Failed, Pruned, Record
from fgsgl.sweeps.liveness import Presence
from fgsgl.sweeps.objectives import values_of
from fgsgl.sweeps.study import FAILURE, StudySpec, counts
from fgsgl.sweeps.suggest import ask_optuna, propose
from fgsgl.training.cell_spec import Task
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial, TrialState

WRAP_UP_S = 30.0
"""Seconds kept for floors and ceilings, the board and the figures."""
LOOK_S = 2.0
"""Seconds between two looks at the trials of other commands."""
AT_FAULT = ("bad_data", "unwritable")
"""Failure classes after which no other cell can run either."""
FIRST_FAILURES = 3
"""A search ends after so many trials if all of them failed."""


@dataclass(slots=True)
class Timebox:
    """The time left for a search, and how many cells still end in it."""

    ends_s: float = math.inf
    """End of the whole command on the monotonic clock, board and figures included."""
    longest_s: float = 0.0
    """Longest time of a cell so far, extrapolated to all its epochs."""

    def see(self, record: Record) -> None:
        """Learns from a cell that has ended; a cell without an epoch says nothing."""
        if record.curve and "train" in record.times_s:
            missing = record.epochs / len(record.curve) - 1
            self.longest_s = max(self.longest_s, record.times_s["total"] + missing * record.times_s["train"])

    def rounds(self) -> float:
        """How many cells still end in time, one after the other; infinite until a cell has been seen."""
        left_s = self.ends_s - WRAP_UP_S - time.monotonic()
        if left_s <= 0:
            return 0
        return left_s // self.longest_s if self.longest_s and left_s < math.inf else math.inf


@dataclass(kw_only=True, slots=True)
class _RunningTrial:
    trial: Trial
    changes: dict[str, Setting] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    records: list[Done] = field(default_factory=list)


class Search:
    """The trials of one study as work for the scheduler (:class:`fgsgl.running.scheduler.Work`).

    Args:
        spec: the study's specification.
        study: from :func:`fgsgl.sweeps.study.open_study`.
        storage: path or URL of the study's storage, which the cells open as well.
        trials: wanted number of trials, over all commands.
        presence: tells other commands that this one is alive.
        timebox: no trial is started that would not end in it.
    """

    def __init__(
        self, spec: StudySpec, study: Study, storage: str, trials: int, presence: Presence, timebox: Timebox
    ) -> None:
        self.spec, self.study, self.storage, self.wanted = spec, study, storage, trials
        self.presence, self.timebox = presence, timebox
        self.reports = len(spec.objectives) == 1
        """Whether epochs are reported; Optuna takes no reports with several objectives."""
        self.running: dict[int, _RunningTrial] = {}
        self.ready: deque[Task] = deque()
        self.taken: set[str] = set()
        """Ids of running cells: two trials may have suggested the same cell, which runs once."""
        self.given_up = ""
        """Why no further trial is started; empty: the search goes on."""
        self.exhausted = False
        """Whether every setting of the space has been tried."""
        self.looked_s = -math.inf
        self.known: list[FrozenTrial] = []
        """The trials that count, as last seen."""

    @property
    def open(self) -> bool:
        """Whether trials run here, are left, or run in another command, which may be killed."""
        if self.running:
            return True
        self._look()
        return self._goes_on and self._missing > 0

    def left(self) -> int:
        """Number of trials that have not ended."""
        self._count()
        return self._missing

    @property
    def _goes_on(self) -> bool:
        return not (self.given_up or self.exhausted) and self.timebox.rounds() >= self.spec.seeds

    @property
    def _missing(self) -> int:
        return max(0, self.wanted - sum(trial.state.is_finished() for trial in self.known))

    @property
    def begun(self) -> int:
        """Number of trials that have been started, as last seen."""
        return sum(trial.state.name != "WAITING" for trial in self.known)

    def take(self) -> Task | None:
        """The next cell of a running trial, or the first cell of a new one; None: none now."""
        self._look()
        waiting = any(trial.state.name == "WAITING" for trial in self.known[: self.wanted])
        if not self.ready and self._goes_on and (len(self.known) < self.wanted or waiting):
            self._begin_trial()
        task = next((task for task in self.ready if task.cell.cell_id not in self.taken), None)
        if task is not None:
            self.ready.remove(task)
            self.taken.add(task.cell.cell_id)
        return task

    def put_back(self, task: Task) -> None:
        """Keeps a cell for later: it runs in another command, or is to be tried again."""
        self.taken.discard(task.cell.cell_id)
        self.ready.append(task)

    def finished(self, task: Task, record: Record) -> None:
        """Reports an ended cell to the study: its trial goes on with the next seed, or ends.

        Raises:
            UserError: if the data are at fault.
        """
        from optuna.trial import TrialState

        number = trial_of(task).number
        running = self.running[number]
        self.taken.discard(task.cell.cell_id)
        if self.study.get_trials(deepcopy=False)[number].state.is_finished():
            self._forget(number)  # another command took the trial for dead, and reads the record from the ledger
            return
        self.timebox.see(record)
        self._report(task, record)
        if isinstance(record, Done):
            running.records.append(record)
        if isinstance(record, Failed):
            self._failed(task, record)
        elif isinstance(record, Pruned):
            self._end_trial(number, TrialState.PRUNED)
        elif len(running.records) == self.spec.seeds:
            self._end_trial(number, TrialState.COMPLETE, values_of(self.spec.objectives, running.records))
        elif self.reports and running.trial.should_prune():
            self._end_trial(number, TrialState.PRUNED)
        else:
            self._next_cell(number)

    def _look(self) -> None:
        """Enqueues the trials of dead commands again and reads all trials, at most every ``LOOK_S`` seconds."""
        if time.monotonic() - self.looked_s >= LOOK_S:
            self.presence.revive(self.study)
            self._count()
            self.looked_s = time.monotonic()

    def _count(self) -> None:
        self.known = [trial for trial in self.study.get_trials(deepcopy=False) if counts(trial)]

    def _begin_trial(self) -> None:
        """Begins a waiting trial or a new one, unless another command took the last one or the space is exhausted."""
        from optuna.trial import TrialState

        self._count()
        if all(trial.state.name != "WAITING" for trial in self.known):
            values = propose(self.study, self.spec)
            if values is None:
                self.exhausted = True
                return
            self.study.enqueue_trial(values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna misses heartbeats, which this command sends itself
            trial = self.study.ask()
        self.presence.claim(trial._trial_id)
        self._count()
        running = self.running[trial.number] = _RunningTrial(trial=trial)
        if [one.number for one in self.known].index(trial.number) >= self.wanted:
            self._end_trial(trial.number, TrialState.FAIL)
            return
        running.changes = changes_of(self.spec.space, suggest(self.spec.space, ask_optuna(trial)))
        self._next_cell(trial.number)

    def _next_cell(self, number: int) -> None:
        """Prepares the cell of a trial's next seed."""
        running, spec = self.running[number], self.spec
        index = len(running.records)
        name = f"trial {number}" + (f" of study {spec.nested}" if spec.nested else "")
        running.cells.append(spec.cell(name, running.changes, index))
        running.trial.set_user_attr("cell_ids", [cell.cell_id for cell in running.cells])
        trial = TrialSpec(
            storage=self.storage,
            study=self.study.study_name,
            number=number,
            pruner=spec.pruner if self.reports else None,
            steps_before=index * spec.epochs,
        )
        self.ready.append(Task(cell=running.cells[-1], trial=trial))

    def _report(self, task: Task, record: Record) -> None:
        """Reports each epoch's accuracy, also of a cell whose record is older than the trial."""
        if self.reports:
            spec = trial_of(task)
            trial = self.running[spec.number].trial
            known = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
            for row in record.curve:
                step = spec.steps_before + int(row["epoch"])
                if "val_top1" in row and step not in known:
                    trial.report(row["val_top1"], step)

    def _end_trial(self, number: int, state: TrialState, values: Sequence[float] | None = None) -> None:
        self.study.tell(number, values, state, skip_if_finished=True)
        self._forget(number)

    def _forget(self, number: int) -> None:
        running = self.running.pop(number)
        self.presence.release(running.trial._trial_id)
        self._count()

    def _failed(self, task: Task, record: Failed) -> None:
        """Ends the trial of a failed cell. If the data or the disk are at fault, its settings wait for another try."""
        from optuna.trial import TrialState

        trial, failure = self.running[trial_of(task).number].trial, record.failure
        if failure.kind in AT_FAULT:
            self._end_trial(trial.number, TrialState.FAIL)
            self.study.enqueue_trial(trial.params, {"again": trial.number})
            if failure.kind == "bad_data":
                raise UserError(f"{self.study.study_name}, {task.cell.variant.name}: {failure.message}")
            return
        trial.set_user_attr(FAILURE, failure.kind)
        trial.set_user_attr("message", failure.message)
        self._end_trial(trial.number, TrialState.FAIL)
        ended = [trial for trial in self.known if trial.state.is_finished()]
        if len(ended) >= FIRST_FAILURES and all(FAILURE in trial.user_attrs for trial in ended):
            self.given_up = (
                f"the first {len(ended)} trials of {self.study.study_name!r} all failed, the last by "
                f"{failure.kind}: {failure.message}; mend the cause, or search another --space"
            )


class Searches:
    """Several searches side by side, as work for the scheduler (:class:`fgsgl.running.scheduler.Work`).

    The study with the fewest trials comes first, so that all studies have about as many trials at any time.
    """

    def __init__(self, searches: Sequence[Search]) -> None:
        self.searches = list(searches)

    @property
    def open(self) -> bool:
        """Whether one of the searches is open."""
        return any([search.open for search in self.searches])

    def take(self) -> Task | None:
        """A cell of the first search that has one."""
        tasks = (search.take() for search in sorted(self.searches, key=lambda search: search.begun))
        return next((task for task in tasks if task is not None), None)

    def put_back(self, task: Task) -> None:
        """Puts a cell back into its search."""
        self._search_of(task).put_back(task)

    def finished(self, task: Task, record: Record) -> None:
        """Reports an ended cell to its search."""
        self._search_of(task).finished(task, record)

    def _search_of(self, task: Task) -> Search:
        return next(search for search in self.searches if search.study.study_name == trial_of(task).study)


def trial_of(task: Task) -> TrialSpec:
    """The trial that a search's cell belongs to."""
    assert task.trial is not None
    return task.trial
