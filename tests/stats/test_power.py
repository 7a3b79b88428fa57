import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from fgsgl.stats.power import power, seeds_needed
from fgsgl.stats.seeds import sign_flip_p, smallest_p
from fgsgl.util.errors import UserError


def simulated_power(n, difference, sd, draws):
    random = np.random.default_rng(n)
    return np.mean([sign_flip_p(values) <= 0.05 for values in random.normal(difference, sd, (draws, n))])


@pytest.mark.parametrize(
    "n, difference, sd", [(6, 1.5, 1.0), (7, 1.3, 1.0), (8, 1.0, 1.0), (8, -3.0, 2.0), (10, 1.0, 1.0), (12, 0.4, 0.5)]
)
def test_power_is_that_of_the_simulated_sign_flip_test(n, difference, sd):
    assert power(n, difference, sd) == pytest.approx(simulated_power(n, difference, sd, 2000), abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("n", range(6, 13))
def test_power_is_within_003_of_10000_simulated_tests(n):
    for d_z in (0.5, 0.8, 1.0, 1.3, 1.6, 2.0):
        assert power(n, d_z, 1.0) == pytest.approx(simulated_power(n, d_z, 1.0, 10_000), abs=0.03)


def test_with_many_seeds_power_is_that_of_statsmodels_t_test():
    for n, d_z in ((14, 0.7), (30, 0.5), (100, 0.3)):
        assert power(n, d_z, 1.0) == pytest.approx(TTestPower().power(d_z, n, 0.05), abs=2e-3)
    assert power(20_000, 0.0, 1.0) == pytest.approx(0.05)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_where_the_sign_flip_test_cannot_reach_005_it_finds_nothing(n):
    assert smallest_p(n) > 0.05 and power(n, 100.0, 1.0) == 0.0


@pytest.mark.parametrize("difference, sd", [(1.0, 0.4), (1.0, 0.75), (1.0, 1.0), (-0.5, 0.45)])
def test_the_seeds_needed_reach_80_percent_and_one_fewer_does_not(difference, sd):
    n = seeds_needed(difference, sd)
    assert simulated_power(n, difference, sd, 2000) >= 0.77
    assert n == 6 or simulated_power(n - 1, difference, sd, 2000) <= 0.83
    assert power(n, difference, sd) >= 0.8 > power(n - 1, difference, sd)


def test_seeds_needed_grow_as_the_difference_shrinks():
    needed = [seeds_needed(difference, 1.0) for difference in (5.0, 2.0, 1.5, 1.0, 0.5, 0.1, 0.01)]
    assert needed == sorted(needed) and needed[0] == 6
    assert needed[-2] == pytest.approx(TTestPower().solve_power(0.1, power=0.8, alpha=0.05), abs=1)
    assert seeds_needed(1.0, 1.0, power=0.9) > seeds_needed(1.0, 1.0)


@pytest.mark.parametrize("difference, sd, wanted", [(0.0, 1.0, 0.8), (1.0, 1.0, 1.0), (1.0, 1.0, 0.2), (1.0, 0.0, 0.8)])
def test_a_plan_without_an_answer_is_refused(difference, sd, wanted):
    with pytest.raises(UserError, match="expected"):
        seeds_needed(difference, sd, wanted)
