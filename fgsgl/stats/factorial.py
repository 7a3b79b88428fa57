"""Effects of a design's factors: main effects, interactions, Shapley values, one-out and one-in.

A arms x K factors: ``off_AK`` says which factors an arm is without. A full factorial has all 2^K arms; a half fraction
those with an even number of factors off. ``value_AS`` are the values of the arms, in percent, over S paired seeds.
Every effect is a sum of the arms with whole weights ``weight_A`` over a divisor, taken seed by seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from fgsgl.stats.seeds import paired_t_p, sign_flip_p, t_half_width, whole_multiples
from fgsgl.util.errors import UserError

Weights = Iterator[tuple[str, str, np.ndarray, int]]
"""Kind, factor, weight of each arm (A,) and what the weighted sum is divided by."""

COLUMNS = ("kind", "factor", "effect", "low", "high", "p_t", "p")


def effects(off_AK: np.ndarray, value_AS: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """The worth of having each factor, in percentage points.

    Kinds:
        ``main``: mean with the factor minus mean without it (Box, Hunter and Hunter 2005, chapter 5).
        ``interaction`` ("a x b"): the effect of a with b minus the effect of a without b, averaged over the other
        factors. (Half of this is what textbooks on designs call the interaction effect.)
        ``shapley``: the mean of what a factor adds over all orders of adding them (Shapley 1953); over the factors they
        sum to all minus none. Equal to the main effects as long as no three factors interact.
        ``one_out``: all factors minus all but this one. ``one_in``: this factor alone minus none.
        ``hidden``: the Shapley value minus one-out, what one-out does not see of a factor since others stand in for it.

    Of a half fraction: main effects, and the interactions that no other two-way interaction or main effect looks like
    (:func:`aliases` names the others); the other kinds need arms that it does not have.

    Args:
        off_AK: bool, one row an arm, each once.
        value_AS: percent, in the order of ``off_AK``; shares of clips as
            :func:`~fgsgl.stats.seeds.exact_percent` gives them, so that equal effects are equal.
        names: of the K factors.

    Returns:
        Columns ``kind``, ``factor``, ``effect``, ``low``, ``high`` (95 % Student t over the S seeds' effects; nan for
        one seed), ``p_t`` (paired t test; nan below three seeds) and ``p`` (exact sign-flip test), neither adjusted.

    Raises:
        UserError: if the shapes do not fit, a value is missing, or the arms are neither of the two designs.
    """
    off_AK, value_AS = np.asarray(off_AK, dtype=bool), np.asarray(value_AS)
    if off_AK.ndim != 2 or value_AS.ndim != 2 or len(off_AK) != len(value_AS) or off_AK.shape[1] != len(names):
        raise UserError(
            f"arms {off_AK.shape}, values {value_AS.shape} and {len(names)} factors do not fit: expected one row an "
            "arm in both, one column a factor in the first and a seed in the second"
        )
    if not value_AS.shape[1] or not np.isfinite(value_AS.astype(np.float64)).all():
        raise UserError(f"values of shape {value_AS.shape} with a gap: expected a seed or more that every arm has")
    full = _is_full(off_AK)
    on_AK = ~off_AK
    weights = [*_mains(on_AK, names), *_interactions(on_AK, names, full)]
    if full:
        weights += [*_shapley(on_AK, names), *_ones(on_AK, names), *_hidden(on_AK, names)]
    rows = []
    whole_M, unit = whole_multiples(value_AS.ravel())
    whole_AS = whole_M.reshape(value_AS.shape)
    for kind, factor, weight_A, divisor in weights:
        sum_S = weight_A @ whole_AS
        effect_S = (sum_S.astype(np.float64) / (divisor * unit)).round(9)  # of floats, what is rounding alone is none
        half = t_half_width(effect_S)
        mean, reach = float(effect_S.mean()), math.nan if half is None else half
        rows.append((kind, factor, mean, mean - reach, mean + reach, _p_t(effect_S), sign_flip_p(sum_S)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def full_factorial(names: Sequence[str]) -> np.ndarray:
    """The arms of the full design, (2^K, K) bool: all factors on first, all off last."""
    return np.array(list(product((False, True), repeat=len(names))))


def half_fraction(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Half the arms of the full design: those with an even number of factors off, the one with none off first.

    Its defining relation is the product of all factors, the highest resolution there is (Box, Hunter and Hunter 2005,
    chapter 6): from five factors on, main effects and two-way interactions all have estimates of their own.

    Returns:
        ``off_AK``, (2^(K-1), K) bool, and :func:`aliases`.

    Raises:
        UserError: for fewer than three factors, where main effects look like each other.
    """
    if len(names) < 3:
        raise UserError(f"a half fraction of {len(names)} factors cannot tell them apart; expected three or more")
    off_AK = full_factorial(names)
    return off_AK[off_AK.sum(axis=1) % 2 == 0], aliases(names)


def aliases(names: Sequence[str]) -> list[str]:
    """Pairs of effects that share one estimate in a half fraction of these factors, as "a = b x c x d".

    Main effects first, then two-way interactions; each set of factors looks like the set of all others.
    """
    found = []
    for size in (1, 2):
        for few in combinations(names, size):
            others = [name for name in names if name not in few]
            told_before = len(others) < size or (len(others) == size and names[0] in others)
            if not told_before:
                found.append(f"{' x '.join(few)} = {' x '.join(others)}")
    return found


def _is_full(off_AK: np.ndarray) -> bool:
    """Whether the arms are the full design; otherwise they are a half fraction.

    Raises:
        UserError: if they are neither.
    """
    arms, factors = off_AK.shape
    if len(np.unique(off_AK, axis=0)) == arms:
        if arms == 2**factors:
            return True
        if factors >= 3 and arms == 2 ** (factors - 1) and not (off_AK.sum(axis=1) % 2).any():
            return False
    raise UserError(
        f"the {arms} arms are neither all {2**factors} arms of {factors} factors nor the {2**factors // 2} with an "
        "even number of factors off, each once; plan the missing ones"
    )


def _mains(on_AK: np.ndarray, names: Sequence[str]) -> Weights:
    sign_AK = np.where(on_AK, 1, -1)
    for factor, name in enumerate(names):
        yield "main", name, 2 * sign_AK[:, factor], len(sign_AK)


def _interactions(on_AK: np.ndarray, names: Sequence[str], full: bool) -> Weights:
    """In a half fraction of three or four factors every two-way interaction looks like a main effect or another one."""
    sign_AK = np.where(on_AK, 1, -1)
    if full or len(names) >= 5:
        for one, other in combinations(range(len(names)), 2):
            yield "interaction", f"{names[one]} x {names[other]}", 4 * sign_AK[:, one] * sign_AK[:, other], len(sign_AK)


def _shapley(on_AK: np.ndarray, names: Sequence[str]) -> Weights:
    """In size! (K - 1 - size)! of the K! orders a factor is added to one particular arm of ``size`` factors."""
    count = len(names)
    orders = np.array([math.factorial(size) * math.factorial(count - 1 - size) for size in range(count)])
    for factor, name in enumerate(names):
        others_on_A = on_AK.sum(axis=1) - on_AK[:, factor]
        weight_A = np.where(on_AK[:, factor], 1, -1) * orders[others_on_A]
        yield "shapley", name, weight_A, math.factorial(count)


def _ones(on_AK: np.ndarray, names: Sequence[str]) -> Weights:
    on_A, count = on_AK.sum(axis=1), len(names)
    for factor, name in enumerate(names):
        without_A = (on_A == count - 1) & ~on_AK[:, factor]
        yield "one_out", name, (on_A == count) * 1 - without_A, 1
    for factor, name in enumerate(names):
        alone_A = (on_A == 1) & on_AK[:, factor]
        yield "one_in", name, alone_A * 1 - (on_A == 0), 1


def _hidden(on_AK: np.ndarray, names: Sequence[str]) -> Weights:
    of_one_out = {name: weight_A for kind, name, weight_A, _ in _ones(on_AK, names) if kind == "one_out"}
    for _, name, weight_A, divisor in _shapley(on_AK, names):
        yield "hidden", name, weight_A - divisor * of_one_out[name], divisor


def _p_t(effect_S: np.ndarray) -> float:
    p = paired_t_p(effect_S)
    return math.nan if p is None else p
