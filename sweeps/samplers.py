"""Samplers and pruners with every argument that matters named: Optuna's defaults change between its versions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from fgsgl.records.optuna_storage import (
    HalvingRule,
    HyperbandRule,
    MedianRule,
    NoPruning,
    PrunerSpec,
    pruner_name,
)
from fgsgl.sweeps.objectives import PRUNABLE
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


@dataclass(frozen=True, slots=True)
class SamplerSpec:
    """A sampler of Optuna's and its arguments, apart from the seed."""

    kind: str
    """The name of Optuna's class."""
    arguments: Mapping[str, Any] = field(default_factory=dict)


SAMPLERS = {
    "tpe": SamplerSpec(
        "TPESampler",
        {"n_startup_trials": 5, "n_ei_candidates": 24, "multivariate": True, "group": True, "constant_liar": True},
    ),
    "random": SamplerSpec("RandomSampler"),
}
"""By the name that the command line takes."""
PRUNERS = ("median", "halving", "hyperband", "none")
"""The names that the command line takes."""


def make_sampler(name: str, study: int, number: int) -> BaseSampler:
    """The sampler of one trial.

    Each trial has its own seed, so that a search that is continued, or shared by two commands, does not draw the same
    settings again.

    Args:
        name: one of ``SAMPLERS``.
        study: number of the nested study.
        number: number of the trial.
    """
    import numpy as np
    import optuna

    spec = SAMPLERS[name]
    seed = int(np.random.SeedSequence([study, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # for the argument "group"
        return getattr(optuna.samplers, spec.kind)(seed=seed, **spec.arguments)


def pruner_spec(name: str | None, objectives: Sequence[str], epochs: int, seeds: int) -> PrunerSpec:
    """A pruner with its arguments.

    Args:
        name: one of ``PRUNERS``. None: the median's where the objective allows one, since it lets four trials finish
            before it ends any, which a figure of importances needs. Halving is for long searches: on the curves of 26
            complete trials of FG-SGL's components, ten drawn at random take 25 epochs of 50 with halving and 41 with
            the median; the best found is 0.3 and 0.1 points below the best of the ten.
        objectives: the study's objectives.
        epochs: epochs of a cell; each is one step.
        seeds: cells of a trial.

    Raises:
        UserError: if the accuracy of an epoch says nothing about the objectives.
    """
    prunable = len(objectives) == 1 and objectives[0] in PRUNABLE
    if name not in (None, "none") and not prunable:
        raise UserError(
            f"--pruner {name} goes by the top-1 of each epoch, which needs a single --objective of "
            f"{', '.join(PRUNABLE)}, but got {', '.join(objectives)}; use --pruner none"
        )
    if name == "none" or not prunable:
        return NoPruning()
    if name == "hyperband":
        return HyperbandRule(min_resource=1, max_resource=epochs * seeds, reduction_factor=3, bootstrap_count=0)
    if name == "halving":
        return HalvingRule(min_resource=1, reduction_factor=2, min_early_stopping_rate=0, bootstrap_count=0)
    return MedianRule(n_startup_trials=4, n_warmup_steps=2, interval_steps=1, n_min_trials=1)


def sampler_text(name: str, study: int | str) -> str:
    """The sampler as a study stores it.

    Args:
        name: one of ``SAMPLERS``.
        study: number of the nested study, or several: ``0 to 2``.
    """
    spec = SAMPLERS[name]
    return _call(spec.kind, {**spec.arguments, "seed": f"of study {study} and the trial's number"})


def pruner_text(spec: PrunerSpec) -> str:
    """The pruner as a study stores it: ``MedianPruner(n_startup_trials=4, ...)``."""
    return _call(pruner_name(spec), msgspec.structs.asdict(spec))


def _call(kind: str, arguments: Mapping[str, Any]) -> str:
    return f"{kind}({', '.join(f'{name}={value}' for name, value in arguments.items())})"
