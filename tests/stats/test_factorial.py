import itertools
import math

import numpy as np
import pytest

from fgsgl.stats.factorial import COLUMNS, aliases, effects, full_factorial, half_fraction
from fgsgl.stats.seeds import exact_percent
from fgsgl.util.errors import UserError

NAMES = ("a", "b", "c", "d")


def planted(off_AK, interaction=-1.0):
    """Values of the arms: A = +2, B = +1, D = -0.5, A x B = -1 (with both on), C = 0; the rest adds nothing."""
    on_AK = ~off_AK
    return 70 + 2.0 * on_AK[:, 0] + on_AK[:, 1] - 0.5 * on_AK[:, 3] + interaction * on_AK[:, 0] * on_AK[:, 1]


TRUTH = {
    ("main", "a"): 1.5, ("main", "b"): 0.5, ("main", "c"): 0.0, ("main", "d"): -0.5,
    ("interaction", "a x b"): -1.0, ("interaction", "a x c"): 0.0, ("interaction", "a x d"): 0.0,
    ("interaction", "b x c"): 0.0, ("interaction", "b x d"): 0.0, ("interaction", "c x d"): 0.0,
    ("shapley", "a"): 1.5, ("shapley", "b"): 0.5, ("shapley", "c"): 0.0, ("shapley", "d"): -0.5,
    ("one_out", "a"): 1.0, ("one_out", "b"): 0.0, ("one_out", "c"): 0.0, ("one_out", "d"): -0.5,
    ("one_in", "a"): 2.0, ("one_in", "b"): 1.0, ("one_in", "c"): 0.0, ("one_in", "d"): -0.5,
    ("hidden", "a"): 0.5, ("hidden", "b"): 0.5, ("hidden", "c"): 0.0, ("hidden", "d"): 0.0,
}  # fmt: skip
"""Of the plan above. With A in place B adds nothing: one-out gives it 0, although half of what it adds is its own."""


def with_noise(off_AK, seeds, random, spread=0.5):
    """Seeds share their luck over all arms, and every cell has its own."""
    return planted(off_AK)[:, None] + random.normal(0, 1, seeds) + random.normal(0, spread, (len(off_AK), seeds))


def by_key(table):
    return table.set_index(["kind", "factor"])


def test_the_planted_truth_is_exact_without_noise():
    off_AK = full_factorial(NAMES)
    table = by_key(effects(off_AK, planted(off_AK)[:, None] + [0.0, 3.0], NAMES))
    assert dict(table["effect"]) == pytest.approx(TRUTH)
    assert table["low"].to_numpy() == pytest.approx(table["high"].to_numpy()), "seeds agree on every effect"


def test_the_planted_truth_is_recovered_in_sign_and_size_and_the_intervals_cover_it():
    off_AK, random = full_factorial(NAMES), np.random.default_rng(0)
    tables = [effects(off_AK, with_noise(off_AK, 8, random), NAMES) for _ in range(200)]
    assert list(zip(tables[0]["kind"], tables[0]["factor"], strict=True)) == list(TRUTH)
    of_RE = {name: np.array([table[name] for table in tables]) for name in COLUMNS[2:]}
    effect_RE, low_RE, high_RE, p_RE = (of_RE[name] for name in ("effect", "low", "high", "p"))
    truth_E = np.array(list(TRUTH.values()))
    assert effect_RE.mean(axis=0) == pytest.approx(truth_E, abs=0.08)
    covered_RE = (low_RE <= truth_E) & (truth_E <= high_RE)
    assert covered_RE.mean() >= 0.93
    assert covered_RE.mean(axis=0).min() >= 0.90, "0.95 and three standard errors of 200 draws"
    rests_on_all = np.isin([kind for kind, _ in TRUTH], ["main", "interaction", "shapley"])
    assert (np.sign(effect_RE) == np.sign(truth_E))[:, rests_on_all & (truth_E != 0)].mean(axis=0).min() >= 0.99
    assert (p_RE <= 0.05)[:, truth_E == 0].mean() <= 0.06, "0.047, the level of 8 pairs, and its error"
    assert (p_RE <= 0.05)[:, list(TRUTH).index(("main", "d"))].mean() >= 0.8, "half a point is found"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shapley_values_sum_to_all_minus_none_and_are_means_over_orders(count):
    names = NAMES[:1] if count == 1 else [f"f{index}" for index in range(count)]
    off_AK, random = full_factorial(names), np.random.default_rng(count)
    value_AS = random.normal(70, 3, (2**count, 3))
    shapley = by_key(effects(off_AK, value_AS, names)).loc["shapley", "effect"]
    assert shapley.sum() == pytest.approx((value_AS[0] - value_AS[-1]).mean())
    value = {tuple(off): values.mean() for off, values in zip(~off_AK, value_AS, strict=True)}
    added = np.zeros(count)
    for order in itertools.permutations(range(count)):
        on = [False] * count
        for factor in order:
            before = value[tuple(on)]
            on[factor] = True
            added[factor] += value[tuple(on)] - before
    assert shapley.to_numpy() == pytest.approx(added / math.factorial(count))


def test_main_effects_are_those_of_least_squares():
    import statsmodels.api as sm

    off_AK, random = full_factorial(NAMES), np.random.default_rng(5)
    value_AS = random.normal(70, 3, (16, 4))
    found = by_key(effects(off_AK, value_AS, NAMES))
    on_AK = np.where(off_AK, -0.5, 0.5)
    fit = sm.OLS(value_AS.mean(axis=1), sm.add_constant(on_AK)).fit()
    assert found.loc["main", "effect"].to_numpy() == pytest.approx(fit.params[1:])
    both = sm.OLS(value_AS.mean(axis=1), sm.add_constant(np.c_[on_AK, on_AK[:, 0] * on_AK[:, 1]])).fit()
    assert found.loc[("interaction", "a x b"), "effect"] == pytest.approx(both.params[-1])


def test_arms_may_share_their_values_and_come_in_any_order():
    """Without fgsa its schedule changes nothing, so both arms hold the same cells."""
    off_AK, random = full_factorial(("fgsa", "schedule")), np.random.default_rng(2)
    value_AS = np.array([[exact_percent(share) for share in row] for row in random.integers(280, 290, (4, 5)) / 408])
    value_AS[2] = value_AS[3]
    table = by_key(effects(off_AK, value_AS, ("fgsa", "schedule")))
    assert table.loc[("one_in", "schedule"), "effect"] == 0.0 and table.loc[("one_in", "schedule"), "p"] == 1.0
    order = [2, 0, 3, 1]
    assert effects(off_AK[order], value_AS[order], ("fgsa", "schedule")).equals(table.reset_index())


def test_one_seed_has_effects_without_intervals():
    off_AK = full_factorial(NAMES)
    table = effects(off_AK, planted(off_AK)[:, None], NAMES)
    assert table["low"].isna().all() and table["high"].isna().all() and (table["p"] == 1.0).all()
    assert dict(by_key(table)["effect"]) == pytest.approx(TRUTH)


@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_a_half_fraction_says_what_the_full_design_says_where_nothing_is_aliased(count):
    names = [f"f{index}" for index in range(count)]
    full_AK, (half_AK, told) = full_factorial(names), half_fraction(names)
    assert len(half_AK) == 2 ** (count - 1) and not half_AK[0].any() and told == aliases(names)
    random = np.random.default_rng(count)
    size_K, size_KK = random.normal(0, 2, count), np.triu(random.normal(0, 1, (count, count)), 1)

    def respond(off_AK, two_way):
        on_AK = ~off_AK * 1.0
        return (70 + on_AK @ size_K + two_way * np.einsum("ai,ij,aj->a", on_AK, size_KK, on_AK))[:, None] + [0.0, 1.0]

    two_way = count > 3  # of three factors, main effects look like two-way interactions
    full, half = (by_key(effects(arms, respond(arms, two_way), names)) for arms in (full_AK, half_AK))
    kinds = {"main", "interaction"} if count >= 5 else {"main"}
    assert set(half.index.get_level_values("kind")) == kinds
    for kind in kinds:
        assert half.loc[kind, "effect"].to_numpy() == pytest.approx(full.loc[kind, "effect"].to_numpy())


def test_aliases_are_the_columns_that_the_half_fraction_cannot_tell_apart():
    off_AK, told = half_fraction(NAMES)
    assert told == [
        "a = b x c x d", "b = a x c x d", "c = a x b x d", "d = a x b x c", "a x b = c x d", "a x c = b x d",
        "a x d = b x c",
    ]  # fmt: skip
    sign_AK = np.where(off_AK, -1, 1)
    for alias in told:
        one, other = (sign_AK[:, [NAMES.index(name) for name in side.split(" x ")]] for side in alias.split(" = "))
        assert (one.prod(axis=1) == other.prod(axis=1)).all(), alias
    assert aliases(NAMES[:3]) == ["a = b x c", "b = a x c", "c = a x b"]


def test_of_three_factors_a_half_fraction_adds_up_a_main_effect_and_its_alias():
    off_AK, _ = half_fraction(NAMES[:3])
    on_AK = ~off_AK
    table = by_key(effects(off_AK, (2.0 * on_AK[:, 2] - on_AK[:, 0] * on_AK[:, 1])[:, None], NAMES[:3]))
    assert table.loc[("main", "c"), "effect"] == pytest.approx(1.5), "2 of its own and half of a x b, which is -1"


@pytest.mark.parametrize("arms", [[0, 1, 2], [0, 1, 2, 2], [0, 3, 5], [1, 2, 4, 7]])
def test_arms_of_no_design_are_refused(arms):
    off_AK = full_factorial(NAMES[:3])[arms]
    with pytest.raises(UserError, match="neither all 8 arms"):
        effects(off_AK, np.zeros((len(arms), 2)), NAMES[:3])


def test_values_that_do_not_fit_are_refused():
    off_AK = full_factorial(NAMES[:2])
    with pytest.raises(UserError, match="do not fit"):
        effects(off_AK, np.zeros((3, 2)), NAMES[:2])
    with pytest.raises(UserError, match="with a gap"):
        effects(off_AK, np.full((4, 2), np.nan), NAMES[:2])
    with pytest.raises(UserError, match="with a gap"):
        effects(off_AK, np.zeros((4, 0)), NAMES[:2])
    with pytest.raises(UserError, match="expected three or more"):
        half_fraction(NAMES[:2])
