"""The next settings of a study: only settings that it has not tried yet.

Where settings are few, a sampler returns to the best ones over and over: of 40 trials over FG-SGL's components, TPE
spent 27 on settings that already had a record. Such a trial costs nothing and teaches nothing, but would count. So the
sampler is asked in a copy of the study until it suggests something new; the study itself keeps no trace of this.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from fgsgl.methods.search_space import Choice, Param, changes_of, suggest
from fgsgl.sweeps.samplers import make_sampler
from fgsgl.sweeps.study import StudySpec, counts

if TYPE_CHECKING:
    from optuna import Study, Trial

DRAWS = 20
"""Draws from the study's sampler; if all of them repeat earlier settings, settings are drawn at random."""
RANDOM_DRAWS = 500
"""Random draws after which a space counts as exhausted."""


def propose(study: Study, spec: StudySpec) -> dict[str, Choice] | None:
    """Values of the space's parameters that no trial of the study has had; None: there are no others."""
    import optuna

    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name != "WAITING"]
    tried = {trial.user_attrs["cell_ids"][0] for trial in trials if counts(trial) and "cell_ids" in trial.user_attrs}
    for name, draws in ((spec.sampler, DRAWS), ("random", RANDOM_DRAWS)):
        copy = optuna.create_study(
            directions=study.directions, sampler=make_sampler(name, spec.nested, len(study.get_trials()))
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna warns of settings that these trials were enqueued with
            copy.add_trials(trials)
        for _ in range(draws):
            trial = copy.ask()
            values = suggest(spec.space, ask_optuna(trial))
            if spec.cell("", changes_of(spec.space, values), 0).cell_id not in tried:
                return values
            copy.tell(trial, state=optuna.trial.TrialState.FAIL)
    return None


def ask_optuna(trial: Trial) -> Callable[[Param], Choice]:
    """A function that lets Optuna choose the value of a parameter for the trial."""
    return lambda param: suggest_by(trial, param)


def suggest_by(trial: Trial, param: Param) -> Choice:
    """The value of a parameter that Optuna chooses for the trial."""
    if param.choices:
        return cast(Choice, trial.suggest_categorical(param.name, list(param.choices)))
    draw: Callable[..., Choice] = trial.suggest_int if param.integer else trial.suggest_float
    return draw(param.name, param.low, param.high, log=param.log)
