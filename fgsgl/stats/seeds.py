"""Tests and intervals over paired seeds, and the smallest p that they can reach."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Rational
from statistics import fmean

import numpy as np

LEVEL = 0.05
"""Significance level of every test."""
FEWEST_SEEDS = 3
"""Fewest seeds with which rows can be distinguished."""
MOST_EXACT = 16
"""Pairs whose sign patterns are all counted, 65,536 at most."""
MOST_CLIPS = 10**7
"""Clips of a split, up to which a share is read back as the fraction that it is."""
ROUNDING = 1e-9
"""Relative error up to which two sums of floats are equal. Rounding leaves 1e-12 at most; sums of shares that differ,
of 16 pairs over a million clips, lie 6e-8 apart."""

Number = float | Fraction
"""A value: a fraction where it is known exactly."""


def t_half_width(values: Sequence[float] | np.ndarray, confidence: float = 0.95) -> float | None:
    """Half the width of the Student t interval around the mean of ``values``; None for fewer than two values.

    Of paired differences it is the paired t interval. Student t because a percentile bootstrap over so few values is
    too narrow: at a nominal 95 % it covers 73 % at n = 3 and 83 % at n = 5.
    """
    n = len(values)
    if n < 2:
        return None
    return t_quantile(n, confidence) * math.sqrt(variance(values) / n)


def variance(values: Sequence[float] | np.ndarray) -> float:
    """The unbiased variance; exactly 0 for one value and where all are equal, which rounding may miss."""
    values_N = values.tolist() if isinstance(values, np.ndarray) else values
    if max(values_N) == min(values_N):
        return 0.0
    mean = fmean(values_N)  # over eight values numpy takes ten times as long
    return math.fsum((value - mean) ** 2 for value in values_N) / (len(values_N) - 1)


@functools.cache
def t_quantile(n: int, confidence: float = 0.95) -> float:
    """The two-sided quantile of Student's t of ``n`` values."""
    from scipy.special import stdtrit  # scipy.stats has the same number, but takes half a second to import

    return float(stdtrit(n - 1, (1 + confidence) / 2))


def paired_t_p(differences: Sequence[float] | np.ndarray) -> float | None:
    """Two-sided p of the paired t test that the mean difference is 0; None for fewer than three pairs.

    Two differences of whole clips are often equal by chance, and a t test takes that for certainty. For the same
    reason, where more are all equal and not 0, p is the smallest that the sign-flip test can reach.
    """
    n = len(differences)
    if n < FEWEST_SEEDS:
        return None
    mean, error = fmean(map(float, differences)), math.sqrt(variance(differences) / n)
    if not error:
        return smallest_p(n) if mean else 1.0
    from scipy.special import stdtr

    return float(2 * stdtr(n - 1, -abs(mean) / error))


def smallest_p(n: int) -> float:
    """The smallest p that :func:`sign_flip_p` can reach over ``n`` pairs: 2 of the 2^n sign patterns."""
    return min(1.0, 2.0 / 2**n) if n <= MOST_EXACT else 1.0 / (2**MOST_EXACT + 1)


def fewest_pairs() -> int:
    """The fewest pairs with which the exact test can reach ``LEVEL``."""
    return next(n for n in itertools.count(2) if smallest_p(n) <= LEVEL)


def sign_flip_p(differences: Sequence[Number] | np.ndarray) -> float:
    """p of the exact two-sided sign-flip test that paired differences are symmetric around zero (Fisher 1935).

    Whole numbers and fractions are added exactly: sums that tie, as those of differences in correct clips often do,
    count as ties. Sums of floats tie where they differ by less than their rounding (:data:`ROUNDING`).

    Up to 16 pairs; beyond, 65,536 random sign patterns with a fixed seed, and the observed one counted among them
    (Phipson and Smyth 2010). The same numbers as ``scipy.stats.permutation_test``, which takes 20 to 60 times as long.
    """
    n = len(differences)
    if n < 2:
        return 1.0
    values_N, _ = whole_multiples(differences)
    observed = abs(values_N.sum())
    if values_N.dtype == np.float64:
        observed -= ROUNDING * np.abs(values_N).sum()
    if n <= MOST_EXACT:
        flipped_RN = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return float((np.abs((1 - 2 * flipped_RN) @ values_N) >= observed).mean())
    flipped_RN = np.random.default_rng(0).integers(0, 2, (2**MOST_EXACT, n), dtype=np.int8)
    reached = (np.abs((1 - 2 * flipped_RN) @ values_N) >= observed).sum()
    return float((reached + 1) / (2**MOST_EXACT + 1))


def exact_percent(share: float) -> Fraction:
    """A share of whole clips in percent, exactly: 1/3 -> 100/3. Right for splits of up to ten million clips.

    A record keeps the float nearest to correct / clips. Fractions of such denominators are at least 1e-14 apart, a
    hundred times the rounding of a share, so the nearest one is the one that was stored.
    """
    return 100 * Fraction(share).limit_denominator(MOST_CLIPS)


def whole_multiples(values_M: Sequence[Number] | np.ndarray) -> tuple[np.ndarray, int]:
    """The values as whole multiples (M,) of one over the second number; floats are left as they are, over 1."""
    exact = [value for value in values_M if isinstance(value, Rational)]
    if len(exact) < len(values_M):
        return np.asarray(values_M, dtype=np.float64), 1
    unit = math.lcm(*(int(value.denominator) for value in exact))
    whole = [int(value.numerator) * (unit // int(value.denominator)) for value in exact]
    return np.array(whole, dtype=np.int64 if unit * sum(map(abs, whole)) < 2**62 else object), unit
