"""A study: its specification, how it is opened, and which trial wins. A study with another specification is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgsgl.methods.budget import epochs_of
from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.method import Method, Setting
from fgsgl.methods.search_space import Space, changes_of, defaults, space_hash
from fgsgl.records.optuna_storage import PrunerSpec, make_pruner
from fgsgl.records.protocol import Protocol
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.samplers import make_sampler, pruner_text, sampler_text
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

FIRST_SEED = 1000
"""Seed of the first trial cell, far from the seeds of the rows."""
FAILURE = "failure"
"""User attribute of a trial whose cell failed: the failure class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySpec:
    """One study: method, space, protocol, objectives, sampler and pruner. Commands with the same one share trials."""

    method: Method
    space_name: str
    space: Space
    protocol: Protocol
    """Sealed: a trial never opens the test split."""
    fingerprint: str
    """Fingerprint of the clip table and its videos."""
    text: str
    """The data set's FG-Text: the name of a shipped one, or a file."""
    objectives: tuple[str, ...]
    sampler: str
    pruner: PrunerSpec
    seeds: int
    """Cells of a trial."""
    skeletons: str = ""
    """Fingerprint of the skeleton files, which some methods read."""
    nested: int = 0
    """Number of the study among the independent studies of one method."""

    @property
    def epochs(self) -> int:
        """The epochs of a cell."""
        return epochs_of(self.method, self.protocol)

    def identity(self) -> dict[str, Any]:
        """The user attributes that the study stores; they must never change."""
        return {
            "method": self.method.name,
            "space": Path(self.space_name).stem,
            "space_hash": space_hash(self.space),
            "protocol_hash": self.protocol.hash(),
            "data": f"{self.fingerprint} {self.cell('', {}, 0).skeletons_read or ''}".strip(),
            "objective": list(self.objectives),
            "sampler": sampler_text(self.sampler, self.nested),
            "pruner": pruner_text(self.pruner),
            "seeds_per_trial": self.seeds,
        }

    def cell(self, name: str, changes: Mapping[str, Setting], index: int) -> Cell:
        """One cell of a trial; nested studies use different seeds.

        Args:
            name: name of the trial.
            changes: settings that the trial changes.
            index: number of the cell in its trial, from 0.
        """
        return Cell(
            variant=Variant(method=self.method.name, name=name, changes=changes),
            protocol=self.protocol,
            seed=FIRST_SEED + self.nested * self.seeds + index,
            fingerprint=self.fingerprint,
            text=self.text,
            skeletons=self.skeletons,
        )


def open_study(storage: BaseStorage, name: str, spec: StudySpec) -> Study:
    """Opens the study, or creates it with a first trial of the default settings.

    Raises:
        UserError: if a study of that name was made with another specification.
    """
    import optuna

    directions = [OBJECTIVES[objective].direction for objective in spec.objectives]
    known = {study.study_name: study for study in optuna.get_all_study_summaries(storage)}
    identity = spec.identity()
    if name in known:
        # A study without trials may just be created by another command, which is about to store the attributes.
        stored = {**({} if known[name].n_trials else identity), **known[name].user_attrs}
        stored["directions"] = [direction.name.lower() for direction in known[name].directions]
        wanted = {**identity, "directions": directions}
        different = [
            f"{key} {stored.get(key)}, not {value}" for key, value in wanted.items() if stored.get(key) != value
        ]
        if different:
            raise UserError(
                f"the study {name!r} was made with {'; '.join(different)}; give another --study, or the options that "
                "it was made with"
            )
    study = optuna.create_study(
        study_name=name, storage=storage, directions=directions, load_if_exists=True,
        sampler=make_sampler(spec.sampler, spec.nested, 0), pruner=make_pruner(spec.pruner),
    )  # fmt: skip
    for key, value in identity.items():
        if key not in study.user_attrs:
            study.set_user_attr(key, value)
    unchanged = defaults(spec.space, spec.method.flat)
    if unchanged and not study.get_trials(deepcopy=False):
        study.enqueue_trial(unchanged, skip_if_exists=True)
    return study


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial counts. A trial of a killed command does not: it is run again as another trial."""
    return trial.state.name != "FAIL" or FAILURE in trial.user_attrs


def winner(study: Study, spec: StudySpec) -> FrozenTrial:
    """The best trial. With several objectives: the best by the first one on the Pareto front.

    Raises:
        UserError: if no trial has finished.
    """
    best = study.best_trials
    if not best:
        raise UserError(
            f"no trial of the study {study.study_name!r} has finished: all were pruned or failed; give it more --trials"
        )
    sign = OBJECTIVES[spec.objectives[0]].sign
    return max(best, key=lambda trial: sign * trial.values[0])


def changes_by(trial: FrozenTrial, spec: StudySpec) -> dict[str, Setting]:
    """The settings that a trial changes."""
    return changes_of(spec.space, trial.params)
