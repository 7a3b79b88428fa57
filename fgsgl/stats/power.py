"""Number of seeds that a wanted difference needs, before any of them is run."""

from __future__ import annotations

import itertools
import math

from fgsgl.stats.seeds import FEWEST_SEEDS, LEVEL
from fgsgl.util.errors import UserError


def power(n: int, difference: float, sd: float, level: float = LEVEL) -> float:
    """The chance that the paired t test over ``n`` seeds finds ``difference`` (noncentral t; Cohen 1988, chapter 2).

    Args:
        n: paired seeds; below three there is no test, and the chance is 0.
        difference: wanted mean of the paired differences, points.
        sd: their standard deviation, points.
        level: largest p that counts as found. One of several contrasts has the part of 0.05 that
            :func:`fgsgl.stats.families.judge` gives it; Holm's steps find at least as much.

    Raises:
        UserError: if ``sd`` is not positive, or the level is not between 0 and 1.
    """
    if not sd > 0 or not 0 < level < 1:
        raise UserError(
            f"the standard deviation is {sd} points and the level {level}, expected a number above 0 and one between "
            "0 and 1"
        )
    if n < FEWEST_SEEDS:
        return 0.0
    from scipy.special import nctdtr, stdtrit

    bound, shift = stdtrit(n - 1, 1 - level / 2), abs(difference) / sd * math.sqrt(n)
    return float(1 - nctdtr(n - 1, shift, bound) + nctdtr(n - 1, shift, -bound))


_power = power  # seeds_needed has an argument of the same name


def seeds_needed(difference: float, sd: float, power: float = 0.8, level: float = LEVEL) -> int:
    """The fewest paired seeds with which the paired t test finds ``difference`` with the chance ``power``; at least 3.

    Args:
        difference, sd, level: as in :func:`power`.
        power: the wanted chance.

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
    known_sd = math.floor(((ndtri(1 - level / 2) + ndtri(power)) / d_z) ** 2)  # the t test needs more than this
    return next(n for n in itertools.count(max(FEWEST_SEEDS, known_sd)) if _power(n, difference, sd, level) >= power)
