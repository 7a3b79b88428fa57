"""One row against another over paired seeds: the difference and every number that has to stand beside it.

N seeds, the same in both rows and in the same order. Values and differences are in percentage points.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from fgsgl.stats.seeds import (
    FEWEST_SEEDS,
    Number,
    paired_t_p,
    sign_flip_p,
    smallest_p,
    t_half_width,
    t_quantile,
    variance,
)
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """Difference of two rows over N paired seeds, in percentage points."""

    n: int
    """Pairs."""
    mine: float
    theirs: float
    """Means of both."""
    difference: float
    """Mean of mine minus theirs."""
    half_width: float | None
    """Half-width of the difference's 95 % Student t interval; None for one pair."""
    p_t: float | None
    """Two-sided paired t test; None for fewer than three pairs."""
    p: float
    """Two-sided sign-flip test, exact up to 16 pairs."""
    smallest_p: float
    """Smallest p that the test can reach with n pairs."""
    d_z: float | None
    """The difference over the standard deviation of the differences (Cohen 1988); None for one pair, or where all
    differences are equal."""
    wins: float
    """The probability that mine beats theirs with the same seed: share of the pairs won, ties half."""
    wins_low: float
    wins_high: float
    """The 95 % interval of ``wins``, see :func:`wins_interval`."""
    equivalent_p: float | None
    """p of the hypothesis that the rows differ by ``margin`` or more, see :func:`equivalence_p`; None for one pair or
    two."""
    margin: float
    """Largest difference that counts as none, in points."""

    def simultaneous_half_width(self, error: float) -> float:
        """Half-width of the interval with that error rate, as :func:`~fgsgl.stats.families.judge` gives it; NaN for
        fewer than three pairs, and where all differences are equal but not 0."""
        return widened(self.difference, self.half_width, self.n, error)


def compare(
    mine_N: Sequence[Number] | np.ndarray, theirs_N: Sequence[Number] | np.ndarray, margin: float = 1.0
) -> Paired:
    """Compares two rows seed by seed.

    Args:
        mine_N, theirs_N: percent, one value a seed, the same seeds in the same order. Shares of clips as
            :func:`~fgsgl.stats.seeds.exact_percent` gives them, so that equal differences are equal.
        margin: the largest difference, in points, that counts as none.

    Raises:
        UserError: if the two cannot be paired, a value is not finite, or the margin is not positive.
    """
    if len(mine_N) != len(theirs_N) or not len(mine_N):
        raise UserError(
            f"{len(mine_N)} and {len(theirs_N)} values cannot be paired: "
            "expected one value a seed and the same seeds in both, at least one"
        )
    if not all(map(math.isfinite, (*mine_N, *theirs_N))):
        raise UserError("a value to compare is not finite; leave out the seed in both rows")
    exact_N = [mine - theirs for mine, theirs in zip(mine_N, theirs_N, strict=True)]
    differences_N = np.array(exact_N, dtype=np.float64).round(9)  # so that floats that differ by rounding are equal
    n, mean, sd = len(exact_N), fmean(differences_N.tolist()), math.sqrt(variance(differences_N))
    won = float((differences_N > 0).sum() + (differences_N == 0).sum() / 2)
    wins_low, wins_high = wins_interval(won, n)
    return Paired(
        n=n,
        mine=fmean(map(float, mine_N)),
        theirs=fmean(map(float, theirs_N)),
        difference=mean,
        half_width=t_half_width(differences_N),
        p_t=paired_t_p(differences_N),
        p=sign_flip_p(exact_N),
        smallest_p=smallest_p(n),
        d_z=mean / sd if sd else None,
        wins=won / n,
        wins_low=wins_low,
        wins_high=wins_high,
        equivalent_p=equivalence_p(differences_N, margin),
        margin=margin,
    )


def widened(difference: float, half_width: float | None, n: int, error: float) -> float:
    """Half-width of the t interval of a mean over ``n`` seeds with another error rate than 5 %.

    NaN for fewer than three seeds, and where ``half_width`` is 0 but the difference is not: whole clips can be equal in
    every seed by chance.
    """
    if n < FEWEST_SEEDS or half_width is None or (difference and not half_width):
        return math.nan
    return half_width * t_quantile(n, 1 - error) / t_quantile(n)


@functools.cache
def wins_interval(won: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of Clopper and Pearson (Biometrika 26, 1934) of a probability, from ``won`` of ``n`` pairs.

    A tie counts half, so ``won`` may end in .5; the beta quantiles are defined there too. Over a grid of all
    probabilities of win, tie and loss the interval covers at least 95 % for n = 2..20 (tests/stats/test_paired.py): it
    never promises too much with few pairs, and pays for it in width (5 of 5 won: 0.48 to 1).
    """
    from scipy.special import betaincinv  # scipy.stats.binomtest takes whole wins only

    tail = (1 - confidence) / 2
    low = 0.0 if won == 0 else float(betaincinv(won, n - won + 1, tail))
    high = 1.0 if won == n else float(betaincinv(won + 1, n - won, 1 - tail))
    return low, high


def equivalence_p(differences_N: np.ndarray, margin: float) -> float | None:
    """p of two one-sided paired t tests (TOST; Schuirmann 1987), the larger of the two.

    A small p says that the mean difference lies within plus or minus ``margin``. Where all differences are equal there
    is no spread to test with: 0 inside the margin, 1 outside.

    Returns:
        None for fewer than three pairs: top-1 is a whole number of clips, so two differences are often equal by chance.

    Raises:
        UserError: if the margin is not positive.
    """
    if not margin > 0:
        raise UserError(f"the margin is {margin} points, expected the largest difference above 0 that counts as none")
    n = len(differences_N)
    if n < 3:
        return None
    from scipy.special import stdtr

    room = margin - abs(fmean(differences_N.tolist()))  # to the nearer bound, whose p is the larger
    sd = math.sqrt(variance(differences_N))
    if not sd:
        return 0.0 if room > 0 else 1.0
    return float(stdtr(n - 1, -room * math.sqrt(n) / sd))
