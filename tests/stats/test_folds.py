"""Folds of classes: a row's value of a seed is the mean over its folds, and the interval keeps what it promises."""

import numpy as np
import pytest

from fgsgl.stats.folds import mean_over_folds, mean_over_seeds
from fgsgl.stats.paired import compare
from fgsgl.stats.seeds import LEVEL
from fgsgl.util.errors import UserError

RUNS = {(0, 0): 1.0, (0, 1): 2.0, (1, 0): 3.0, (1, 1): 8.0, (2, 0): 5.0, (2, 1): 5.0}


def test_means_go_over_folds_or_over_seeds() -> None:
    assert mean_over_folds(RUNS) == {0: 3.0, 1: 5.0}
    assert mean_over_seeds(RUNS) == {0: 1.5, 1: 5.5, 2: 5.0}
    assert mean_over_folds({(3, 7): 2.0}) == {7: 2.0}


def test_uneven_folds_are_refused() -> None:
    with pytest.raises(UserError, match="fold 1 lacks seed 1"):
        mean_over_folds({run: value for run, value in RUNS.items() if run != (1, 1)})


def differences(
    random: np.random.Generator, folds: int, seeds: int, of_fold: np.ndarray
) -> dict[tuple[int, int], float]:
    noise_FS = random.normal(size=(folds, seeds))
    return {(fold, seed): of_fold[fold] + noise_FS[fold, seed] for fold in range(folds) for seed in range(seeds)}


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("folds", [1, 3, 4])
def test_the_interval_over_seeds_covers_the_mean_over_these_folds(folds: int, seeds: int) -> None:
    """The folds differ by three times as much as the seeds, which a test over all pairs would count as noise."""
    random = np.random.default_rng([folds, seeds])
    covered, alarms, cases = 0, 0, 3000
    for _ in range(cases):
        of_fold = 3 * random.normal(size=folds)
        of_fold -= of_fold.mean()  # no difference over these folds, however large in each of them
        values = mean_over_folds(differences(random, folds, seeds, of_fold))
        found = compare(list(values.values()), [0.0] * seeds)
        covered += abs(found.difference) <= found.half_width
        alarms += found.p_t <= LEVEL
    error = 4 * (0.05 * 0.95 / cases) ** 0.5
    assert covered / cases == pytest.approx(0.95, abs=error) and alarms / cases == pytest.approx(LEVEL, abs=error)


def test_the_interval_over_folds_covers_other_choices_of_classes() -> None:
    random = np.random.default_rng(0)
    covered, cases = 0, 3000
    for _ in range(cases):
        values = mean_over_seeds(differences(random, 4, 5, 1 + 3 * random.normal(size=4)))
        found = compare(list(values.values()), [0.0] * 4)
        covered += abs(found.difference - 1) <= found.half_width
    assert covered / cases == pytest.approx(0.95, abs=4 * (0.05 * 0.95 / cases) ** 0.5)
