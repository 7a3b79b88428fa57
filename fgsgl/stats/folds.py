"""Values of several folds of classes as one value a seed.

The runs of one fold share its classes, so pairs of fold and seed are no independent draws. A row's value of a seed is
the mean over its folds instead, and seeds are what is drawn. The interval then holds for these folds, and says nothing
of other choices of classes; for those, :func:`mean_over_seeds` gives one value a fold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean

from fgsgl.util.errors import UserError

Runs = Mapping[tuple[int, int], float]
"""A value for each (fold, seed)."""


def mean_over_folds(values: Runs) -> dict[int, float]:
    """The mean over folds of each seed.

    Raises:
        UserError: if a fold lacks a seed that another one has.
    """
    return {seed: fmean(of_seed) for seed, of_seed in _grouped(values, by=1).items()}


def mean_over_seeds(values: Runs) -> dict[int, float]:
    """The mean over seeds of each fold.

    Raises:
        UserError: if a fold lacks a seed that another one has.
    """
    return {fold: fmean(of_fold) for fold, of_fold in _grouped(values, by=0).items()}


def _grouped(values: Runs, by: int) -> dict[int, list[float]]:
    folds, seeds = ({run[place] for run in values} for place in (0, 1))
    for fold in sorted(folds):
        if missing := sorted(seed for seed in seeds if (fold, seed) not in values):
            raise UserError(
                f"fold {fold} lacks seed {missing[0]}, which another fold has; expected the same seeds in all"
            )
    groups = defaultdict(list)
    for run, value in sorted(values.items()):
        groups[run[by]].append(value)
    return dict(groups)
