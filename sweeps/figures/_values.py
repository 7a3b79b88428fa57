"""Values of a search as its figures show them. T trials."""

from __future__ import annotations

import numpy as np
from optuna.trial import FrozenTrial

from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.results import MethodResult, StudyResult


def finished(study: StudyResult) -> list[FrozenTrial]:
    """The trials that have a value, in order."""
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


def value_label(result: MethodResult) -> str:
    """The name of the first objective, for an axis."""
    name = result.spec.objectives[0]
    return f"validation {name} (%)" if _is_share(name) else name


def scaled(result: MethodResult, value: float) -> float:
    """A value of the first objective as it is shown: a share in percent."""
    return 100 * value if _is_share(result.spec.objectives[0]) else value


def best_so_far(result: MethodResult, study: StudyResult) -> np.ndarray:
    """(T,) the best value after each trial of a study, as it is shown; NaN before the first has finished."""
    better = np.fmax if OBJECTIVES[result.spec.objectives[0]].direction == "maximize" else np.fmin
    value_T = [scaled(result, t.values[0]) if t.state.name == "COMPLETE" else np.nan for t in study.trials]
    return better.accumulate(np.array(value_T, dtype=float))


def _is_share(objective: str) -> bool:
    return OBJECTIVES[objective].direction == "maximize"
