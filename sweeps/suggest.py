"""What a study tries next: settings that it has not tried yet.

Where settings are few, a sampler returns to the best ones over and over: of 40 trials over FG-SGL's components, TPE
spent 27 on settings that had their record. Such a trial costs nothing and tells nothing, but would count. So the
sampler is asked until it names others, in a copy of the study, which keeps no trace of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fgsgl.sweeps.samplers import sampler_of
from fgsgl.sweeps.study import Question, counts

from fgsgl.methods.search_space import Param, changes_of, suggest

if TYPE_CHECKING:
    from optuna import Study, Trial

DRAWS = 20
"""Of the study's sampler; what it does not find in so many is drawn at random."""
RANDOM_DRAWS = 500
"""After which a space counts as exhausted."""


def propose(study: Study, question: Question) -> dict[str, Any] | None:
    """Values of the space's parameters that no trial of the study has had; None: there are no others."""
    import optuna

    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name != "WAITING"]
    tried = {trial.user_attrs["cell_ids"][0] for trial in trials if counts(trial) and "cell_ids" in trial.user_attrs}
    for name, draws in ((question.sampler, DRAWS), ("random", RANDOM_DRAWS)):
        copy = optuna.create_study(
            directions=study.directions, sampler=sampler_of(name, question.nested, len(study.get_trials()))
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what these trials were enqueued with
            copy.add_trials(trials)
        for _ in range(draws):
            trial = copy.ask()
            values = suggest(question.space, lambda param, trial=trial: suggest_by(trial, param))
            if question.cell("", changes_of(question.space, values), 0).cell_id not in tried:
                return values
            copy.tell(trial, state=optuna.trial.TrialState.FAIL)
    return None


def suggest_by(trial: Trial, param: Param) -> Any:
    """A parameter's value, by Optuna."""
    if param.choices:
        return trial.suggest_categorical(param.name, list(param.choices))
    draw: Callable[..., Any] = trial.suggest_int if param.integer else trial.suggest_float
    return draw(param.name, param.low, param.high, log=param.log)
