"""What a search found for a method: the winner of each of its studies, and what the trials cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.samplers import pruner_text, sampler_text
from fgsgl.sweeps.study import FAILURE, Question, changes_by, counts, winner

from fgsgl.records.ledger import Ledger
from fgsgl.records.record import Record
from fgsgl.records.row_key import TUNED

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

HOUR_S = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one study says to its question."""

    question: Question
    study: Study
    trials: tuple[FrozenTrial, ...]
    """Those that have ended and count, in order."""
    best: FrozenTrial | None
    """Of several objectives, the best by the first one among those that no other beats in all; None: none finished."""

    @property
    def changes(self) -> dict[str, Any]:
        """The settings of the best trial."""
        return changes_by(self.best, self.question)

    def unlike_default(self, trial: FrozenTrial) -> dict[str, Any]:
        """Those settings of a trial that are other than the method's own."""
        default = self.question.method.flat
        return {name: value for name, value in changes_by(trial, self.question).items() if default[name] != value}

    def ended(self, state: str) -> int:
        """How many trials ended as ``COMPLETE``, ``PRUNED`` or ``FAIL``."""
        return sum(trial.state.name == state for trial in self.trials)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """The independent studies of one method."""

    answers: tuple[Answer, ...]

    @property
    def question(self) -> Question:
        """Of the first study; the others differ from it in their seeds."""
        return self.answers[0].question

    @property
    def method(self) -> str:
        """The method's name."""
        return self.question.method.name

    @property
    def sampler(self) -> str:
        """Of all studies, with its arguments."""
        last = len(self.answers) - 1
        return sampler_text(self.question.sampler, f"0 to {last}" if last else 0)

    @property
    def found(self) -> tuple[Answer, ...]:
        """The studies of which a trial finished."""
        return tuple(answer for answer in self.answers if answer.best)

    @property
    def best(self) -> Answer | None:
        """The study with the best trial of all; None: no trial finished."""
        sign = 1 if OBJECTIVES[self.question.objectives[0]].direction == "maximize" else -1
        return max(self.found, key=lambda answer: sign * answer.best.values[0], default=None)

    @property
    def cell_ids(self) -> list[str]:
        """The cells of all trials, each once."""
        trials = (trial for answer in self.answers for trial in answer.trials)
        return list(dict.fromkeys(cell_id for trial in trials for cell_id in trial.user_attrs.get("cell_ids", ())))

    def changes(self, seed: int) -> dict[str, Any]:
        """The settings of the tuned row's cell: seed s has those of study s modulo their number."""
        return self.found[seed % len(self.found)].changes


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """What the trials of a method cost."""

    cell_hours: float
    """Of all cells with a record, whatever their end; several may have run at a time."""
    gpu_hours: float
    """The part of it on GPUs, times their number."""
    unknown: int
    """Cells that left no time."""


def tunings(questions: Sequence[Question], studies: Sequence[Study]) -> tuple[Tuning, ...]:
    """The studies by method, read once.

    Args:
        questions: of each study.
        studies: those of one method answer the same question independently.
    """
    by_method: dict[str, list[Answer]] = {}
    for question, study in zip(questions, studies, strict=True):
        trials = tuple(t for t in study.get_trials(deepcopy=False) if t.state.is_finished() and counts(t))
        finished = any(trial.state.name == "COMPLETE" for trial in trials)
        best = winner(study, question) if finished else None
        answer = Answer(question=question, study=study, trials=trials, best=best)
        by_method.setdefault(question.method.name, []).append(answer)
    return tuple(Tuning(answers=tuple(answers)) for answers in by_method.values())


def bill(tuning: Tuning, records: Mapping[str, Record]) -> Bill:
    """The hours of a method's trials.

    Args:
        tuning: whose cells are billed, each once.
        records: of the trials' ledger, by cell id.
    """
    known = [records[cell_id] for cell_id in tuning.cell_ids if cell_id in records]
    timed = [record for record in known if "total" in record.times_s]
    gpus = any(record.hardware.gpu for record in known)  # a failed cell may only know that it was to choose
    on_gpu = [record for record in timed if record.hardware.device.startswith(("cuda", "auto") if gpus else "cuda")]
    return Bill(
        cell_hours=sum(record.times_s["total"] for record in timed) / HOUR_S,
        gpu_hours=sum(record.times_s["total"] * record.hardware.devices for record in on_gpu) / HOUR_S,
        unknown=len(tuning.cell_ids) - len(timed),
    )


def plan_entry(tuning: Tuning, trials: Ledger, protocol_hash: str) -> dict[str, Any]:
    """What ``plan.json`` keeps of a search, for the board.

    Args:
        tuning: of one method.
        trials: the ledger of the trials.
        protocol_hash: of the tuned row, under which the test split is opened.
    """
    question, billed = tuning.question, bill(tuning, trials.records())
    return {
        "method": tuning.method,
        "variant": TUNED,
        "protocol_hash": protocol_hash,
        "space": Path(question.space_name).stem,
        "objective": list(question.objectives),
        "studies": [answer.study.study_name for answer in tuning.answers],
        "trials": sum(len(answer.trials) for answer in tuning.answers),
        "pruned": sum(answer.ended("PRUNED") for answer in tuning.answers),
        "failed": sum(FAILURE in trial.user_attrs for answer in tuning.answers for trial in answer.trials),
        "cell_hours": billed.cell_hours,
        "gpu_hours": billed.gpu_hours,
        "sampler": tuning.sampler,
        "pruner": pruner_text(question.pruner),
    }


def provenance_of(answer: Answer) -> dict[str, Any]:
    """Where the settings of a study's best trial come from."""
    values = dict(zip(answer.question.objectives, answer.best.values, strict=True))
    return {
        "study": answer.study.study_name,
        "trial": answer.best.number,
        "value": values,
        "protocol_hash": answer.question.protocol.hash(),
    }
