"""What a study looks for, and the study itself: one that was made for another question is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.samplers import pruner_text, sampler_of, sampler_text

from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.method import Method
from fgsgl.methods.search_space import Space, changes_of, defaults, space_hash
from fgsgl.records.optuna_storage import pruner_of
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

FIRST_SEED = 1000
"""Of the trials' cells, so that those of the rows are fresh."""
FAILURE = "failure"
"""User attribute of a trial whose cell failed: the class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What one study looks for; studies of the same question share their trials."""

    method: Method
    space_name: str
    space: Space
    protocol: Protocol
    """Sealed."""
    fingerprint: str
    """Of the clip table."""
    text: str
    objectives: tuple[str, ...]
    sampler: str
    pruner: Mapping[str, Any]
    """As :func:`fgsgl.records.optuna_storage.pruner_of` takes it."""
    seeds: int
    """Cells of a trial."""
    nested: int = 0
    """Number of the study among those that answer the same question independently."""

    def identity(self) -> dict[str, Any]:
        """What the study keeps as its user attributes, and must not change."""
        return {
            "method": self.method.name,
            "space": Path(self.space_name).stem,
            "space_hash": space_hash(self.space),
            "protocol_hash": self.protocol.hash(),
            "data": self.fingerprint,
            "objective": list(self.objectives),
            "sampler": sampler_text(self.sampler, self.nested),
            "pruner": pruner_text(self.pruner),
            "seeds_per_trial": self.seeds,
        }

    def cell(self, name: str, changes: Mapping[str, Any], index: int) -> Cell:
        """One cell of a trial; nested studies have other seeds."""
        return Cell(
            variant=Variant(method=self.method.name, name=name, changes=changes),
            protocol=self.protocol,
            seed=FIRST_SEED + self.nested * self.seeds + index,
            fingerprint=self.fingerprint,
            text=self.text,
        )


def open_study(storage: BaseStorage, name: str, question: Question) -> Study:
    """The study of a question, made where there is none.

    Raises:
        UserError: for a study of that name that was made for another question.
    """
    import optuna

    directions = [OBJECTIVES[objective].direction for objective in question.objectives]
    known = {study.study_name: study for study in optuna.get_all_study_summaries(storage)}
    identity = question.identity()
    if name in known:
        # Without trials, another command may be about to say what is missing.
        there = {**({} if known[name].n_trials else identity), **known[name].user_attrs}
        there["directions"] = [direction.name.lower() for direction in known[name].directions]
        wanted = {**identity, "directions": directions}
        different = [f"{key} {there.get(key)}, not {value}" for key, value in wanted.items() if there.get(key) != value]
        if different:
            raise UserError(
                f"the study {name!r} was made with {'; '.join(different)}; give another --study, or the options that "
                "it was made with"
            )
    study = optuna.create_study(
        study_name=name, storage=storage, directions=directions, load_if_exists=True,
        sampler=sampler_of(question.sampler, question.nested, 0), pruner=pruner_of(question.pruner),
    )  # fmt: skip
    for key, value in identity.items():
        if key not in study.user_attrs:
            study.set_user_attr(key, value)
    unchanged = defaults(question.space, question.method.flat)
    if unchanged and not study.get_trials(deepcopy=False):
        study.enqueue_trial(unchanged, skip_if_exists=True)
    return study


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of those that were asked for; one of a killed command is not, since it is run again."""
    return trial.state.name != "FAIL" or FAILURE in trial.user_attrs


def winner(study: Study, question: Question) -> FrozenTrial:
    """The best trial; of several objectives, the best by the first one among those that no other beats in all.

    Raises:
        UserError: if no trial has finished.
    """
    best = study.best_trials
    if not best:
        raise UserError(
            f"no trial of the study {study.study_name!r} has finished: all were pruned or failed; give it more --trials"
        )
    sign = 1 if OBJECTIVES[question.objectives[0]].direction == "maximize" else -1
    return max(best, key=lambda trial: sign * trial.values[0])


def changes_by(trial: FrozenTrial, question: Question) -> dict[str, Any]:
    """What a trial changes of the method."""
    return changes_of(question.space, trial.params)
