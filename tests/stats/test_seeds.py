import itertools

import numpy as np
import pytest
from scipy import stats

from fgsgl.stats.seeds import sign_flip_p, smallest_p, t_half_width


def test_t_interval_is_scipys():
    values = [1.0, 2.5, 0.3, 4.1]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert t_half_width(values) == pytest.approx((high - low) / 2)
    assert t_half_width([1.0]) is None


@pytest.mark.parametrize("n", [3, 5, 20])
def test_t_interval_covers(n):
    random = np.random.default_rng(n)
    samples = random.normal(1.0, 2.0, size=(2000, n))
    covered = [abs(values.mean() - 1.0) <= t_half_width(values) for values in samples]
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
