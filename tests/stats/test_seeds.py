import itertools

import numpy as np
import pytest
from scipy import stats

from fgsgl.stats.seeds import fewest_pairs, sign_flip_p, smallest_p, t_half_width


def test_t_interval_is_scipys():
    values = [1.0, 2.5, 0.3, 4.1]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert t_half_width(values) == pytest.approx((high - low) / 2)
    assert t_half_width([1.0]) is None


def top1_differences(random, n, samples):
    """Top-1 of two methods on 400 clips, in points: both share a seed's luck and have their own; the truth is 1."""
    shared = random.normal(0.7, 0.02, (samples, n))
    mine, theirs = (random.binomial(400, shared + gain + random.normal(0, 0.01, (samples, n))) for gain in (0.01, 0))
    return 1.0, 100 * (mine - theirs) / 400


def normal_differences(random, n, samples):
    return 1.0, random.normal(1.0, 2.0, (samples, n))


def heavy_differences(random, n, samples):
    return 0.0, random.standard_t(3, (samples, n))


@pytest.mark.parametrize("differences", [normal_differences, top1_differences, heavy_differences])
@pytest.mark.parametrize("draws", [1500, pytest.param(40_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", range(3, 21))
def test_t_interval_covers(n, draws, differences):
    truth, samples = differences(np.random.default_rng(n), n, draws)
    covered = [abs(values.mean() - truth) <= t_half_width(values) for values in samples]
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize("n", [1, 3, 5, 6, 8])
def test_smallest_p_is_that_of_the_clearest_result(n):
    observed = np.ones(n)
    sums = [abs(sum(signs * observed)) for signs in itertools.product((-1, 1), repeat=n)]
    assert smallest_p(n) == np.mean([value >= n for value in sums])


def test_the_sign_flip_test_is_exact_and_keeps_its_level() -> None:
    assert sign_flip_p([1.0, 2.0, 0.5, 3.0, 1.5]) == pytest.approx(smallest_p(5)) == 2 / 32
    differences = np.array([1.0, -2.0, 0.5, 3.0])
    patterns = np.array(list(itertools.product((-1, 1), repeat=4)))
    means = np.abs((patterns * differences).mean(1))
    assert sign_flip_p(differences) == pytest.approx(np.mean(means >= abs(differences.mean()) - 1e-12))
    random = np.random.default_rng(0)
    rejected = [sign_flip_p(random.normal(size=6)) <= 0.05 for _ in range(600)]
    assert np.mean(rejected) <= 0.05, "2 of 64 patterns: a level of 0.031"


@pytest.mark.parametrize("n", [2, 5, 8, 11])
def test_the_sign_flip_test_is_scipys(n) -> None:
    random = np.random.default_rng(n)
    for differences in (random.normal(1, 1, n), random.integers(-3, 4, n) / 10, np.zeros(n)):
        expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=2**n)
        assert sign_flip_p(differences) == pytest.approx(expected.pvalue)


def test_beyond_16_pairs_a_fixed_sample_of_patterns_stands_for_all() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1, 24)
    assert sign_flip_p(differences) == sign_flip_p(differences)
    assert sign_flip_p(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)
    assert sign_flip_p(np.ones(24)) == smallest_p(24) == 1 / (2**16 + 1)
    assert smallest_p(16) == 2 / 2**16


def test_the_fewest_pairs_are_those_with_which_p_first_reaches_the_level() -> None:
    assert fewest_pairs() == 6 and smallest_p(6) <= 0.05 < smallest_p(5)
