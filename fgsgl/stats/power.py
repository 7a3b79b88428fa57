"""Number of seeds that a wanted difference needs, before any of them is run."""

from __future__ import annotations

import itertools
import math

from fgsgl.stats.seeds import LEVEL
from fgsgl.util.errors import UserError


def power(n: int, difference: float, sd: float) -> float:
    """The chance that the exact sign-flip test over ``n`` paired seeds finds ``difference`` at p <= 0.05.

    Its p are multiples of 2 / 2^n, so the level it attains lies below 0.05: 0.031 for 6 pairs, 0.047 for 7 and 8, 0 for
    fewer than 6. From 7 pairs on the power is that of a paired t test at the attained level (noncentral t, Cohen 1988,
    chapter 2), which is within 0.03 of the sign-flip test's own for normal differences (tests/stats/test_power.py).
    With 6, only six differences of one sign are enough: Phi(d)^6 + Phi(-d)^6.

    For one comparison: a family adjusted by Holm needs more.

    Args:
        difference: wanted mean of the paired differences, points.
        sd: their standard deviation, points.

    Raises:
        UserError: if ``sd`` is not positive.
    """
    if not sd > 0:
        raise UserError(f"the standard deviation is {sd} points, expected a number above 0")
    from scipy.special import nctdtr, ndtr, stdtrit

    d_z = abs(difference) / sd
    patterns = 2 ** (min(n, 64) - 1)  # beyond 64 the attained level is 0.05
    significant = math.floor(LEVEL * patterns)
    if not significant:
        return 0.0
    if significant == 1:
        return float(ndtr(d_z) ** n + ndtr(-d_z) ** n)
    bound, shift = stdtrit(n - 1, 1 - significant / patterns / 2), d_z * math.sqrt(n)
    return float(1 - nctdtr(n - 1, shift, bound) + nctdtr(n - 1, shift, -bound))


_power = power  # seeds_needed has an argument of the same name


def seeds_needed(difference: float, sd: float, power: float = 0.8) -> int:
    """The fewest paired seeds with which the sign-flip test finds ``difference`` with the chance ``power``; at least 6.

    Raises:
        UserError: if ``sd`` is not positive, the difference is 0, or ``power`` is not from 0.5 to below 1.
    """
    if not sd > 0 or not difference or not 0.5 <= power < 1:
        raise UserError(
            f"no number of seeds finds {difference} points at a standard deviation of {sd} with a chance of {power}; "
            "expected a difference other than 0, a deviation above 0 and a chance from 0.5 to below 1"
        )
    from scipy.special import ndtri

    d_z = abs(difference) / sd
    known_sd = math.floor(((ndtri(1 - LEVEL / 2) + ndtri(power)) / d_z) ** 2)  # the t test needs more than this
    return next(n for n in itertools.count(max(6, known_sd)) if _power(n, difference, sd) >= power)
