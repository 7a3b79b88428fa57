import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fgsgl.stats.families import holm, letters, stouffer, tied_groups
from fgsgl.stats.paired import compare
from fgsgl.stats.seeds import sign_flip_p
from fgsgl.util.errors import UserError


def test_holm_is_statsmodels_and_a_comparison_without_p_counts():
    random = np.random.default_rng(0)
    for p in ([0.01, 0.04, 0.03, 0.005], random.random(40), random.integers(1, 9, 21) / 256, [0.9]):
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([0.01, np.nan, 0.02]) == pytest.approx([0.03, np.nan, 0.04], nan_ok=True)
    assert holm([]).shape == (0,)


def family(random, seeds, members=21):
    """p of ``members`` variants against one reference whose luck they all share; the first alone is better."""
    reference_S = random.normal(70, 1, seeds)
    gain_M = np.where(np.arange(members) == 0, 4.0, 0.0)
    return [sign_flip_p(random.normal(70 + gain, 1, seeds) - reference_S) for gain in gain_M]


@pytest.mark.parametrize("draws", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_one_true_effect_among_twenty_nulls_and_at_most_5_percent_false_alarms(draws):
    """12 seeds: with fewer than 10, a sign-flip p times 21 cannot come below 0.05 at all."""
    random = np.random.default_rng(0)
    p_RM = np.array([family(random, seeds=12) for _ in range(draws)])
    adjusted_RM = np.array([holm(p_M) for p_M in p_RM])
    assert np.mean((adjusted_RM[:, 1:] <= 0.05).any(axis=1)) <= 0.05
    assert np.mean((p_RM[:, 1:] <= 0.05).any(axis=1)) > 0.25, "without Holm the nulls raise false alarms"
    assert np.mean(adjusted_RM[:, 0] <= 0.05) > 0.8, "and the true effect is found all the same"


def test_stouffer_is_scipys_and_weighs_the_signs():
    assert stouffer([0.02, 0.3], [1, 1], [3, 2]) == pytest.approx(
        2 * stats.combine_pvalues([0.01, 0.15], "stouffer", [3, 2]).pvalue
    )
    assert stouffer([0.04], [-1], [5]) == pytest.approx(0.04)
    assert stouffer([0.04, 0.04], [1, -1], [2, 2]) == pytest.approx(1.0)
    assert stouffer([0.04, 0.5], [1, 0], [3, 1]) == pytest.approx(stouffer([0.04, 1.0], [1, 1], [3, 1]))


def test_stouffer_over_three_data_sets_keeps_its_level_and_adds_power():
    random, weight_D = np.random.default_rng(3), np.sqrt([12, 40, 36])

    def combined(effect):
        pairs = [compare(random.normal(effect, 1, 6), np.zeros(6)) for _ in weight_D]
        return stouffer([pair.p for pair in pairs], [np.sign(pair.difference) for pair in pairs], weight_D)

    assert np.mean([combined(0.0) <= 0.05 for _ in range(600)]) <= 0.055
    found = np.mean([combined(0.8) <= 0.05 for _ in range(200)])
    alone = np.mean([sign_flip_p(random.normal(0.8, 1, 6)) <= 0.05 for _ in range(200)])
    assert found > alone + 0.3


@pytest.mark.parametrize(
    "p, sign, weight", [([], [], []), ([0.1], [1, 1], [1]), ([0.1, 0.2], [1, 1], [1, 0]), ([0.1], [1], [np.nan])]
)
def test_data_sets_that_do_not_fit_are_refused(p, sign, weight):
    with pytest.raises(UserError, match="weights above 0"):
        stouffer(p, sign, weight)


def board(means, seeds, spread=0.5, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {index: random.normal(0, 1) + np.array(list(means.values())) + random.normal(0, spread, len(means))
         for index in range(seeds)}, index=list(means)
    )  # fmt: skip


def test_clear_gaps_make_groups_and_a_row_between_two_groups_is_in_both():
    far = tied_groups(board({"low": 20.0, "best": 70.0, "second": 69.9}, seeds=6))
    assert sorted(far[0]) == ["best", "second"] and far[1] == ["low"]
    values = pd.DataFrame({0: [3.0, 2.0, 0.0], 1: [3.1, 0.0, 0.1], 2: [2.9, 3.0, 0.2], 3: [3.0, 1.0, -0.3]})
    values.index = ["top", "unsteady", "bottom"]
    groups = tied_groups(values)
    assert groups == [["top", "unsteady"], ["unsteady", "bottom"]]
    assert letters(groups) == {"top": "a", "unsteady": "ab", "bottom": "b"}


@pytest.mark.parametrize("rows, seeds", [(7, 5), (20, 8), (40, 5)])
def test_two_rows_share_a_letter_exactly_if_no_adjusted_test_tells_them_apart(rows, seeds):
    means = {f"row {row}": mean for row, mean in enumerate(np.random.default_rng(rows).normal(70, 2, rows))}
    values = board(means, seeds)
    pairs = list(itertools.combinations(means, 2))
    adjusted = holm([stats.ttest_rel(values.loc[one], values.loc[other]).pvalue for one, other in pairs])
    groups = [set(group) for group in tied_groups(values)]
    assert 2 <= len(groups) < rows, "fewer letters than rows"
    for pair, p in zip(pairs, adjusted, strict=True):
        assert any(set(pair) <= group for group in groups) == (p > 0.05)
    assert not any(one < other for one in groups for other in groups)


@pytest.mark.parametrize("seeds", [3, 8])
def test_equal_methods_are_told_apart_in_at_most_5_percent(seeds):
    boards = [board(dict.fromkeys("abcdef", 70.0), seeds, seed=seed) for seed in range(400)]
    assert np.mean([len(tied_groups(values)) > 1 for values in boards]) <= 0.06
    clips = [(values * 4.08).round() / 4.08 for values in boards]  # shares of 408 clips
    assert np.mean([len(tied_groups(values)) > 1 for values in clips]) <= 0.06


def test_rows_with_too_few_seeds_or_the_same_difference_in_each_are_tied():
    names = ["x", "y", "z"]
    assert tied_groups(pd.DataFrame({0: [1.0, 9.0]}, index=["x", "y"])) == [["y", "x"]]
    assert tied_groups(pd.DataFrame([[1.0, 1.0], [9.0, 9.0]], index=["x", "y"])) == [["y", "x"]]
    assert tied_groups(pd.DataFrame([[1.0, 2.0, 4.0], [2.0, 3.0, 5.0]], index=["x", "y"])) == [["y", "x"]]
    fixed = pd.DataFrame([[5.9] * 3, [5.9] * 3, [6.4] * 3], index=names)
    assert tied_groups(fixed) == [["z"], ["x", "y"]], "no seed plays a part in them"
    assert tied_groups(pd.DataFrame({0: [1.0], 1: [2.0]}, index=["alone"])) == [["alone"]]


def test_after_z_the_letters_go_on():
    assert letters([[str(index)] for index in range(28)]) == {
        str(index): letter for index, letter in enumerate([*"abcdefghijklmnopqrstuvwxyz", "a1", "b1"])
    }


def test_a_board_with_a_gap_is_refused():
    with pytest.raises(UserError, match=r"'y' has no value for seed 1"):
        tied_groups(pd.DataFrame({0: [1.0, 2.0], 1: [1.0, np.nan]}, index=["x", "y"]))
    with pytest.raises(UserError, match="named 'x'"):
        tied_groups(pd.DataFrame({0: [1.0, 2.0]}, index=["x", "x"]))
