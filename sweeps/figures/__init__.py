"""The figures of a search, one file each, found by scanning this folder; of each method a sheet of its own.

A file offers what those of :mod:`fgsgl.report.figures` offer, and keeps the same contract; ``draw`` takes the methods'
tunings. Optuna computes the importances; its own plots set sizes, colours and labels that the contract refuses.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.results import MethodResult, StudyResult
from optuna.trial import FrozenTrial

from fgsgl.report.figures import Written, modules, write_sheet
from fgsgl.style import STYLE

__all__ = ["best_so_far", "finished", "scaled", "value_label", "write"]


def write(tunings: Sequence[MethodResult], folder: Path) -> tuple[Written, ...]:
    """Draws every figure that the tunings hold something for, as ``<name>-<method>.{png,pdf,csv}`` in ``folder``."""
    with matplotlib.rc_context(fname=STYLE):
        return tuple(
            write_sheet(sheet, module, folder)
            for module in modules(sys.modules[__name__])
            for sheet in module.draw(tunings)
        )


def finished(answer: StudyResult) -> list[FrozenTrial]:
    """The trials that have a value, in order."""
    return [trial for trial in answer.trials if trial.state.name == "COMPLETE"]


def value_label(tuning: MethodResult) -> str:
    """What the first objective is, for an axis."""
    name = tuning.spec.objectives[0]
    return f"validation {name} (%)" if _is_share(name) else name


def scaled(tuning: MethodResult, value: float) -> float:
    """A value of the first objective as it is shown: a share in percent."""
    return 100 * value if _is_share(tuning.spec.objectives[0]) else value


def best_so_far(tuning: MethodResult, answer: StudyResult) -> np.ndarray:
    """The best value after each trial of a study, as it is shown; nan before the first has finished."""
    better = np.fmax if OBJECTIVES[tuning.spec.objectives[0]].direction == "maximize" else np.fmin
    value_T = [scaled(tuning, t.values[0]) if t.state.name == "COMPLETE" else np.nan for t in answer.trials]
    return better.accumulate(np.array(value_T, dtype=float))


def _is_share(objective: str) -> bool:
    return OBJECTIVES[objective].direction == "maximize"
