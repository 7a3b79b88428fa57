import itertools

import numpy as np
import pytest
from scipy import stats

from fgsgl.stats.seeds import smallest_p, t_half_width


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
