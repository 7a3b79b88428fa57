"""Samplers and pruners with every argument that matters named: Optuna's defaults change between its versions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fgsgl.sweeps.objectives import PRUNABLE

from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "tpe": (
        "TPESampler",
        {"n_startup_trials": 5, "n_ei_candidates": 24, "multivariate": True, "group": True, "constant_liar": True},
    ),
    "random": ("RandomSampler", {}),
}
PRUNERS = ("median", "halving", "hyperband", "none")


def sampler_of(name: str, study: int, number: int) -> BaseSampler:
    """The sampler of one trial.

    Each trial has a seed of its own, so that a search that is gone on with, or shared by two commands, does not
    draw again what it has drawn.

    Args:
        name: one of ``SAMPLERS``.
        study: number of the nested study.
        number: of the trial.
    """
    import numpy as np
    import optuna

    kind, arguments = SAMPLERS[name]
    seed = int(np.random.SeedSequence([study, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of "group"
        return getattr(optuna.samplers, kind)(seed=seed, **arguments)


def pruner_spec(name: str | None, objectives: Sequence[str], epochs: int, seeds: int) -> dict[str, Any]:
    """A pruner as :func:`fgsgl.records.optuna_storage.pruner_of` takes it.

    Args:
        name: one of ``PRUNERS``; None: the median's where the objective allows one, since it lets four trials finish
            before it ends any, which a figure of importances needs. Halving is for long searches: on the curves of 26
            trials of FG-SGL's components that ran to their end, ten drawn at random take 25 epochs of 50 by it and 41
            by the median, and the best that is found is 0.3 and 0.1 points below the best of the ten.
        objectives: of the study.
        epochs: of a cell, each one step.
        seeds: cells of a trial.

    Raises:
        UserError: for a pruner of objectives that an epoch's accuracy does not foretell.
    """
    prunable = len(objectives) == 1 and objectives[0] in PRUNABLE
    if name not in (None, "none") and not prunable:
        raise UserError(
            f"--pruner {name} goes by the top-1 of each epoch, which needs a single --objective of "
            f"{', '.join(PRUNABLE)}, but got {', '.join(objectives)}; use --pruner none"
        )
    if name == "none" or not prunable:
        return {"name": "NopPruner"}
    if name == "hyperband":
        steps = {"min_resource": 1, "max_resource": epochs * seeds, "reduction_factor": 3, "bootstrap_count": 0}
        return {"name": "HyperbandPruner", **steps}
    if name == "halving":
        steps = {"min_resource": 1, "reduction_factor": 2, "min_early_stopping_rate": 0, "bootstrap_count": 0}
        return {"name": "SuccessiveHalvingPruner", **steps}
    steps = {"n_startup_trials": 4, "n_warmup_steps": 2, "interval_steps": 1, "n_min_trials": 1}
    return {"name": "MedianPruner", **steps}


def described(kind: str, arguments: Mapping[str, Any]) -> str:
    """``MedianPruner(n_startup_trials=4, ...)``, for the study and the board."""
    return f"{kind}({', '.join(f'{name}={value}' for name, value in arguments.items())})"


def sampler_text(name: str, study: int | str) -> str:
    """The sampler of a nested study, or of several: ``0 to 2``."""
    kind, arguments = SAMPLERS[name]
    return described(kind, {**arguments, "seed": f"of study {study} and the trial's number"})


def pruner_text(spec: Mapping[str, Any]) -> str:
    """The pruner of a study."""
    return described(spec["name"], {name: value for name, value in spec.items() if name != "name"})
