import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from fgsgl.stats.families import judge
from fgsgl.stats.power import power, seeds_needed
from fgsgl.util.errors import UserError


def simulated_power(n, difference, sd, draws, level=0.05):
    random = np.random.default_rng(n)
    return np.mean(stats.ttest_1samp(random.normal(difference, sd, (draws, n)), 0, axis=1).pvalue <= level)


@pytest.mark.parametrize(
    "n, difference, sd, level",
    [
        (3, 3.0, 1.0, 0.05),
        (6, 1.5, 1.0, 0.05),
        (8, 1.0, 1.0, 0.05),
        (8, -3.0, 2.0, 0.04 / 6),
        (12, 0.4, 0.5, 0.01 / 28),
    ],
)
def test_power_is_that_of_the_simulated_t_test(n, difference, sd, level):
    assert power(n, difference, sd, level) == pytest.approx(
        simulated_power(n, difference, sd, 20_000, level), abs=0.012
    )


def test_power_is_that_of_statsmodels_t_test():
    for n, d_z in ((5, 1.4), (14, 0.7), (30, 0.5), (100, 0.3)):
        assert power(n, d_z, 1.0) == pytest.approx(TTestPower().power(d_z, n, 0.05), abs=1e-6)
    assert power(20_000, 0.0, 1.0) == pytest.approx(0.05)


@pytest.mark.parametrize("n", [1, 2])
def test_where_there_is_no_verdict_nothing_is_found(n):
    assert power(n, 100.0, 1.0) == 0.0


def test_a_family_judged_as_a_board_finds_a_difference_at_least_as_often_as_promised():
    """One of six primary contrasts is 2 points, beside 20 exploratory ones without any."""
    primary_M = np.arange(26) < 6
    level = float(judge(np.full(26, np.nan), primary_M).error_M[0])
    random = np.random.default_rng(0)
    means_M = np.where(np.arange(26) == 0, 2.0, 0.0)
    found = []
    for _ in range(2000):
        p_M = stats.ttest_1samp(random.normal(means_M, 1.5, (8, 26)), 0).pvalue
        found.append(judge(p_M, primary_M).adjusted_M[0] <= 0.05)
    promised = power(8, 2.0, 1.5, level)
    assert promised - 0.03 <= np.mean(found) <= promised + 0.06


@pytest.mark.parametrize("difference, sd", [(1.0, 0.4), (1.0, 0.75), (1.0, 1.0), (-0.5, 0.45)])
def test_the_seeds_needed_reach_80_percent_and_one_fewer_does_not(difference, sd):
    n = seeds_needed(difference, sd)
    assert simulated_power(n, difference, sd, 4000) >= 0.78
    assert simulated_power(n - 1, difference, sd, 4000) <= 0.82
    assert power(n, difference, sd) >= 0.8 > power(n - 1, difference, sd)


def test_seeds_needed_grow_as_the_difference_shrinks_and_the_level_falls():
    needed = [seeds_needed(difference, 1.0) for difference in (9.0, 2.0, 1.5, 1.0, 0.5, 0.1, 0.01)]
    assert needed == sorted(needed) and needed[0] == 3
    assert needed[-2] == pytest.approx(TTestPower().solve_power(0.1, power=0.8, alpha=0.05), abs=1)
    assert seeds_needed(1.0, 1.0, power=0.9) > seeds_needed(1.0, 1.0)
    assert seeds_needed(1.0, 1.0, level=0.01) > seeds_needed(1.0, 1.0)


@pytest.mark.parametrize("difference, sd, wanted", [(0.0, 1.0, 0.8), (1.0, 1.0, 1.0), (1.0, 1.0, 0.2), (1.0, 0.0, 0.8)])
def test_a_plan_without_an_answer_is_refused(difference, sd, wanted):
    with pytest.raises(UserError, match="expected"):
        seeds_needed(difference, sd, wanted)
