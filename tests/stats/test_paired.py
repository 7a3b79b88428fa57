import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired

from fgsgl.stats.paired import compare, equivalence_p, wins_interval
from fgsgl.stats.seeds import sign_flip_p, smallest_p, t_half_width
from fgsgl.util.errors import UserError


def test_every_number_of_a_comparison_by_hand():
    pair = compare([71.0, 70.5, 73.0, 69.0], [70.0, 70.5, 70.0, 69.5])
    differences = [1.0, 0.0, 3.0, -0.5]
    assert (pair.n, pair.mine, pair.theirs, pair.difference) == (4, 70.875, 70.0, 0.875)
    assert pair.half_width == t_half_width(differences) and pair.p == sign_flip_p(differences)
    assert pair.smallest_p == smallest_p(4) == 0.125
    assert pair.d_z == pytest.approx(0.875 / np.std(differences, ddof=1))
    assert pair.wins == 2.5 / 4, "two won, one tie"
    assert (pair.wins_low, pair.wins_high) == wins_interval(2.5, 4)
    assert pair.equivalent_p == equivalence_p(np.array(differences), 1.0) and pair.margin == 1.0


def test_one_pair_says_little_and_equal_differences_have_no_spread():
    one = compare([70.0], [69.0])
    assert (one.half_width, one.d_z, one.equivalent_p, one.p) == (None, None, None, 1.0)
    thirds = compare(100 * np.array([2, 3, 4]) / 3, 100 * np.array([1, 2, 3]) / 3)  # equal but for rounding
    assert thirds.d_z is None and thirds.half_width == pytest.approx(0, abs=1e-9)
    assert compare([70.0, 71.0, 69.0], [70.0, 71.0, 69.0]).equivalent_p == 0.0, "no difference at all"
    assert compare([72.0, 73.0, 71.0], [70.0, 71.0, 69.0]).equivalent_p == 1.0
    assert compare([70.0, 71.0], [70.0, 71.0]).equivalent_p is None


@pytest.mark.parametrize(
    "mine, theirs, margin, says",
    [
        ([1.0, 2.0], [1.0], 1.0, "cannot be paired"),
        ([], [], 1.0, "at least one"),
        ([1.0, float("nan")], [1.0, 2.0], 1.0, "not finite"),
        ([1.0, 2.0], [1.0, 2.0], 0.0, "margin is 0.0"),
    ],
)
def test_what_cannot_be_compared_is_refused(mine, theirs, margin, says):
    with pytest.raises(UserError, match=says):
        compare(mine, theirs, margin)


@pytest.mark.parametrize("won, n", [(0, 5), (3, 8), (8, 8), (2.5, 5)])
def test_the_interval_of_wins_is_that_of_clopper_and_pearson(won, n):
    assert wins_interval(won, n) == pytest.approx(proportion_confint(won, n, method="beta"))
    if won == int(won):
        assert wins_interval(won, n) == pytest.approx(tuple(stats.binomtest(int(won), n).proportion_ci()))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 12, 20])
def test_the_interval_of_wins_covers_for_every_probability_of_a_win_a_tie_and_a_loss(n):
    counts = np.array([(w, t, n - w - t) for w in range(n + 1) for t in range(n + 1 - w)])
    low, high = np.array([wins_interval(w + t / 2, n) for w, t, _ in counts]).T
    grid = np.linspace(0, 1, 21)
    for win, tie in ((win, tie) for win, tie in itertools.product(grid, grid) if win + tie <= 1):
        probability = win + tie / 2
        chance = stats.multinomial.pmf(counts, n, (win, tie, max(0.0, 1 - win - tie)))
        assert chance.sum() == pytest.approx(1)
        assert chance[(low <= probability + 1e-12) & (probability - 1e-12 <= high)].sum() >= 0.95


def test_the_equivalence_test_is_statsmodels():
    random = np.random.default_rng(0)
    for mean in (-1.5, 0.0, 0.4):
        mine, theirs = random.normal(mean, 1, 7), np.zeros(7)
        assert equivalence_p(mine - theirs, 1.0) == pytest.approx(ttost_paired(mine, theirs, -1.0, 1.0)[0])


@pytest.mark.parametrize("n", [3, 5, 8])
def test_equivalence_is_claimed_wrongly_in_at_most_5_percent_and_found_where_it_holds(n):
    random = np.random.default_rng(n)
    for truth in (1.0, -1.0, 1.5):  # at the margin of 1 point, where the error is largest, and outside
        wrong = [equivalence_p(values, 1.0) <= 0.05 for values in random.normal(truth, 0.6, (2000, n))]
        assert np.mean(wrong) <= 0.06, "0.05 and three standard errors of 2,000 draws"
    few_clips = (408 * random.normal(0.01, 0.003, (2000, n))).round() * 100 / 408  # whole clips, hardly any noise
    assert np.mean([equivalence_p(values, 1.0) <= 0.05 for values in few_clips]) <= 0.07
    found = [equivalence_p(values, 1.0) <= 0.05 for values in random.normal(0.0, 0.3, (500, n))]
    assert np.mean(found) >= 0.8
