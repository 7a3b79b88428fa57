"""A search: the cells that Optuna's studies ask for, so many trials each, and what they are told of them.

Several commands may work on one study: its storage says how many trials there are, and no more than the wanted number
are kept, by their order. A trial is one cell, or several with one seed each, which run one after the other.
"""

# FOLDED: """The time that a sweep has: nothing is started that would not end in it, judged by the cells before."""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fgsgl.sweeps.liveness import Presence
from fgsgl.sweeps.objectives import values_of
from fgsgl.sweeps.study import FAILURE, Question, counts
from fgsgl.sweeps.suggest import propose, suggest_by

from fgsgl.methods.cell import Cell
from fgsgl.methods.search_space import changes_of, suggest
from fgsgl.records.record import Record
from fgsgl.training.spec import Task
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

LOOK_S = 2.0
"""How often a storage is asked what other commands do."""
AT_FAULT = ("bad_data", "unwritable")
"""Failures after which nothing else can run either."""
FIRST_FAILURES = 3
"""Trials after which a search of failures alone ends."""


@dataclass(kw_only=True, slots=True)
class _Running:
    trial: Trial
    changes: dict[str, Any] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


class Search:
    """The trials of one study; :class:`fgsgl.running.scheduler.Work`.

    Args:
        question: what is searched.
        study: of :func:`open_study`.
        storage: its path or URL, which the cells open as well.
        trials: how many are wanted, of all commands together.
        presence: of this command.
        timebox: of the sweep; no trial is started that would not end in it.
    """

    def __init__(
        self, question: Question, study: Study, storage: str, trials: int, presence: Presence, timebox: Timebox
    ) -> None:
        self.question, self.study, self.storage, self.wanted = question, study, storage, trials
        self.presence, self.timebox = presence, timebox
        self.reports = len(question.objectives) == 1
        self.running: dict[int, _Running] = {}
        self.ready: deque[Task] = deque()
        self.taken: set[str] = set()
        """Ids of the cells that run: two trials may have suggested the same one, which runs once."""
        self.given_up = ""
        """Why no further trial is started; empty: it goes on."""
        self.exhausted = False
        """Whether every setting of the space has been tried."""
        self.looked_s = -math.inf
        self.known: list[FrozenTrial] = []

    @property
    def open(self) -> bool:
        """Whether trials of this command run, or are left, or run in another command that may be killed."""
        if self.running:
            return True
        self._look()
        return self._goes_on and self._missing > 0

    def left(self) -> int:
        """Trials that have yet to end."""
        self._count()
        return self._missing

    @property
    def _goes_on(self) -> bool:
        return not (self.given_up or self.exhausted) and self.timebox.rounds() >= self.question.seeds

    @property
    def _missing(self) -> int:
        return max(0, self.wanted - sum(trial.state.is_finished() for trial in self.known))

    @property
    def begun(self) -> int:
        """Trials that have been started, as last seen."""
        return sum(trial.state.name != "WAITING" for trial in self.known)

    def take(self) -> Task | None:
        """The next cell of a trial, or that of a new one."""
        self._look()
        waiting = any(trial.state.name == "WAITING" for trial in self.known[: self.wanted])
        if not self.ready and self._goes_on and (len(self.known) < self.wanted or waiting):
            self._ask()
        task = next((task for task in self.ready if task.cell.cell_id not in self.taken), None)
        if task is not None:
            self.ready.remove(task)
            self.taken.add(task.cell.cell_id)
        return task

    def put_back(self, task: Task) -> None:
        """Keeps a cell that runs in another command, or is to be tried again."""
        self.taken.discard(task.cell.cell_id)
        self.ready.append(task)

    def finished(self, task: Task, record: Record) -> None:
        """Tells the study of a cell: its trial goes on with the next seed, or has ended.

        Raises:
            UserError: where the data are at fault.
        """
        from optuna.trial import TrialState

        number = task.trial["number"]
        running = self.running[number]
        self.taken.discard(task.cell.cell_id)
        if self.study.get_trials(deepcopy=False)[number].state.is_finished():
            self._forget(number)  # another command has given it up for dead, and has the record from the ledger
            return
        self.timebox.see(record)
        self._report(task, record)
        running.records.append(record)
        if record.status == "failed":
            self._failed(task, record)
        elif record.status == "pruned":
            self._tell(number, TrialState.PRUNED)
        elif len(running.records) == self.question.seeds:
            self._tell(number, TrialState.COMPLETE, values_of(self.question.objectives, running.records))
        elif self.reports and running.trial.should_prune():
            self._tell(number, TrialState.PRUNED)
        else:
            self._next_cell(number)

    def _look(self) -> None:
        """Reads which trials there are, and takes those of killed commands up again."""
        if time.monotonic() - self.looked_s >= LOOK_S:
            self.presence.revive(self.study)
            self._count()
            self.looked_s = time.monotonic()

    def _count(self) -> None:
        self.known = [trial for trial in self.study.get_trials(deepcopy=False) if counts(trial)]

    def _ask(self) -> None:
        """Begins a trial that waits, or a new one, unless another command has taken the last one, or nothing is left
        to be tried."""
        from optuna.trial import TrialState

        self._count()
        if all(trial.state.name != "WAITING" for trial in self.known):
            values = propose(self.study, self.question)
            if values is None:
                self.exhausted = True
                return
            self.study.enqueue_trial(values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of heartbeats, which this command sends by itself
            trial = self.study.ask()
        self.presence.claim(trial._trial_id)
        self._count()
        running = self.running[trial.number] = _Running(trial=trial)
        if [one.number for one in self.known].index(trial.number) >= self.wanted:
            self._tell(trial.number, TrialState.FAIL)
            return
        values = suggest(self.question.space, lambda param: suggest_by(trial, param))
        running.changes = changes_of(self.question.space, values)
        self._next_cell(trial.number)

    def _next_cell(self, number: int) -> None:
        """Makes the cell of a trial's next seed ready."""
        running, question = self.running[number], self.question
        index = len(running.records)
        name = f"trial {number}" + (f" of study {question.nested}" if question.nested else "")
        running.cells.append(question.cell(name, running.changes, index))
        running.trial.set_user_attr("cell_ids", [cell.cell_id for cell in running.cells])
        spec = {
            "storage": self.storage,
            "study": self.study.study_name,
            "number": number,
            "pruner": dict(question.pruner) if self.reports else None,
            "steps_before": index * question.protocol.epochs,
        }
        self.ready.append(Task(cell=running.cells[-1], trial=spec))

    def _report(self, task: Task, record: Record) -> None:
        """Each epoch's accuracy, also of a cell that had its record before the trial began."""
        if self.reports:
            trial = self.running[task.trial["number"]].trial
            known = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
            for row in record.curve:
                step = task.trial["steps_before"] + row["epoch"]
                if "val_top1" in row and step not in known:
                    trial.report(row["val_top1"], step)

    def _tell(self, number: int, state: Any, values: Sequence[float] | None = None) -> None:
        self.study.tell(number, values, state, skip_if_finished=True)
        self._forget(number)

    def _forget(self, number: int) -> None:
        running = self.running.pop(number)
        self.presence.release(running.trial._trial_id)
        self._count()

    def _failed(self, task: Task, record: Record) -> None:
        """A failure of the method is a result; one that the data or the disk are at fault for is not, and waits."""
        from optuna.trial import TrialState

        trial, failure = self.running[task.trial["number"]].trial, record.failure
        if failure["class"] in AT_FAULT:
            self._tell(trial.number, TrialState.FAIL)
            self.study.enqueue_trial(trial.params, {"again": trial.number})
            if failure["class"] == "bad_data":
                raise UserError(f"{self.study.study_name}, {task.cell.variant.name}: {failure['message']}")
            return
        trial.set_user_attr(FAILURE, failure["class"])
        trial.set_user_attr("message", failure["message"])
        self._tell(trial.number, TrialState.FAIL)
        ended = [trial for trial in self.known if trial.state.is_finished()]
        if len(ended) >= FIRST_FAILURES and all(FAILURE in trial.user_attrs for trial in ended):
            self.given_up = (
                f"the first {len(ended)} trials of {self.study.study_name!r} all failed, the last by "
                f"{failure['class']}: {failure['message']}; mend the cause, or search another --space"
            )


class Searches:
    """Several studies at a time, the one with the fewest trials first, so that all have equally many at any time;
    :class:`fgsgl.running.scheduler.Work`."""

    def __init__(self, searches: Sequence[Search]) -> None:
        self.searches = list(searches)

    @property
    def open(self) -> bool:
        """Whether one of them is open."""
        return any([search.open for search in self.searches])

    def take(self) -> Task | None:
        """A cell of the first that has one."""
        tasks = (search.take() for search in sorted(self.searches, key=lambda search: search.begun))
        return next((task for task in tasks if task is not None), None)

    def put_back(self, task: Task) -> None:
        """To the study that it is of."""
        self._of(task).put_back(task)

    def finished(self, task: Task, record: Record) -> None:
        """Tells the study that it is of."""
        self._of(task).finished(task, record)

    def _of(self, task: Task) -> Search:
        return next(search for search in self.searches if search.study.study_name == task.trial["study"])


WRAP_UP_S = 30.0
"""Kept for floors and ceilings, the board and the figures."""


@dataclass(slots=True)
class Timebox:
    """When a sweep is to have ended, and how long its cells take."""

    ends_s: float = math.inf
    """On the monotonic clock, board and figures included."""
    longest_s: float = 0.0
    """Of the cells seen so far, each as if it had trained all its epochs."""

    def see(self, record: Record) -> None:
        """Learns from a cell that has ended; one without an epoch says nothing."""
        if record.curve and "train" in record.times_s:
            missing = record.protocol.epochs / len(record.curve) - 1
            self.longest_s = max(self.longest_s, record.times_s["total"] + missing * record.times_s["train"])

    def rounds(self) -> float:
        """How many cells would still end in time, one after the other; endlessly many where none has been seen."""
        left_s = self.ends_s - WRAP_UP_S - time.monotonic()
        if left_s <= 0:
            return 0
        return left_s // self.longest_s if self.longest_s and left_s < math.inf else math.inf
