"""Many comparisons at once: one family, several data sets, all pairs of a board.

M members of a family or rows of a board, D data sets, P pairs of rows, N paired seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
import pandas as pd

from fgsgl.stats.seeds import FEWEST_SEEDS, LEVEL
from fgsgl.util.errors import UserError

PRIMARY_SHARE = 0.8
"""Share of the error rate that the primary contrasts have where there are exploratory ones too."""


def holm(p_M: Sequence[float] | np.ndarray) -> np.ndarray:
    """p adjusted so that the chance of any false alarm in the whole family stays below the level (Holm 1979).

    A nan is a declared member without a p yet: it stays nan and counts in the family. The same numbers as
    ``statsmodels.stats.multitest.multipletests``, which runs the garbage collector at each call: 0.1 s, and more the
    more records are in memory.
    """
    p_M = np.asarray(p_M, dtype=np.float64)
    order_M = np.argsort(p_M)  # nan last
    stepped_M = np.maximum.accumulate(p_M[order_M] * np.arange(len(p_M), 0, -1))
    adjusted_M = np.empty_like(p_M)
    adjusted_M[order_M] = np.minimum(stepped_M, 1.0)
    return adjusted_M


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Contrasts of one board, judged together."""

    adjusted_M: np.ndarray
    """p adjusted so that at most ``LEVEL`` of all boards without any difference have one at or below ``LEVEL``; nan
    where there is no p."""
    error_M: np.ndarray
    """Error rate of each contrast's simultaneous interval: its part of ``LEVEL``."""


def judge(p_M: Sequence[float] | np.ndarray, primary_M: Sequence[bool] | np.ndarray) -> Judged:
    """Judges the contrasts of a board: those declared before the run, and all others.

    The primary contrasts are one family (Holm 1979), the exploratory ones another, and the two share ``LEVEL`` four to
    one; where there is one kind, it has all of it. Intervals are simultaneous by Bonferroni's inequality within the
    same shares, so that one that excludes 0 has an adjusted p of at most ``LEVEL``.

    Args:
        p_M: not adjusted; nan for a member without a p yet, as where its cells failed: it counts in its family.
        primary_M: which are primary.
    """
    p_M, primary_M = np.asarray(p_M, dtype=np.float64), np.asarray(primary_M, dtype=bool)
    adjusted_M, error_M = np.full(p_M.shape, np.nan), np.full(p_M.shape, np.nan)
    shares = (PRIMARY_SHARE, 1 - PRIMARY_SHARE) if primary_M.any() and not primary_M.all() else (1.0, 1.0)
    for family_M, share in zip((primary_M, ~primary_M), shares, strict=True):
        adjusted_M[family_M] = np.minimum(holm(p_M[family_M]) / share, 1.0)
        error_M[family_M] = LEVEL * share / max(1, family_M.sum())
    return Judged(adjusted_M=adjusted_M, error_M=error_M)


def stouffer(
    p_D: Sequence[float] | np.ndarray, sign_D: Sequence[float] | np.ndarray, weight_D: Sequence[float] | np.ndarray
) -> float:
    """The two-sided p of a difference over several data sets (Stouffer et al. 1949; weights: Liptak 1958).

    Args:
        p_D: two-sided p of each data set.
        sign_D: the sign of its difference: 1, -1, or 0 where there is none.
        weight_D: the square root of its number of subjects.

    Raises:
        UserError: if the three differ in length, are empty, or a weight is not positive.
    """
    p_D, sign_D, weight_D = (np.asarray(values, dtype=np.float64) for values in (p_D, sign_D, weight_D))
    if not p_D.size or p_D.shape != sign_D.shape or p_D.shape != weight_D.shape or not (weight_D > 0).all():
        raise UserError(
            f"{p_D.size} p, {sign_D.size} signs and {weight_D.size} weights; "
            "expected one of each for every data set, weights above 0"
        )
    from scipy.stats import combine_pvalues

    above_D = np.where(sign_D == 0, 0.5, np.where(sign_D > 0, p_D / 2, 1 - p_D / 2))
    above = combine_pvalues(above_D, method="stouffer", weights=weight_D).pvalue
    return float(2 * min(above, 1 - above))


def tied_groups(values: pd.DataFrame, alpha: float = 0.05) -> list[list[str]]:
    """Groups of rows that cannot be distinguished, the best row's first; a row may be in several.

    Every pair of rows is compared by a paired t test, Holm-adjusted over all pairs: the exact sign-flip test could tell
    nothing apart, since with 5 seeds it never goes below 0.06. Two rows share a group exactly if their adjusted p is
    above ``alpha``. With fewer than three seeds all rows are one group: top-1 is a whole number of clips, so two
    differences are often equal by chance, and a t test takes that for certainty.

    Args:
        values: one row a method, one column a paired seed.

    Returns:
        Names of rows, in each group from the best mean down. :func:`letters` turns them into a column of a table.

    Raises:
        UserError: if two rows have the same name, or a row lacks the value of a seed.
    """
    _require_complete(values)
    ordered = values.loc[values.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    rows_MN = ordered.to_numpy(dtype=np.float64)
    tied_MM = np.ones((len(rows_MN), len(rows_MN)), dtype=bool)
    if rows_MN.shape[1] >= FEWEST_SEEDS:
        one_P, other_P = np.triu_indices(len(rows_MN), 1)
        tied_MM[one_P, other_P] = holm(_paired_t_p(rows_MN[one_P], rows_MN[other_P])) > alpha
        tied_MM &= tied_MM.T
    return [[ordered.index[row] for row in group] for group in _cover(tied_MM)]


def letters(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """The letters of each row, one for every group it is in: a for the first, b for the second; after z: a1, b1."""
    found: dict[str, str] = {}
    for index, group in enumerate(groups):
        again, letter = divmod(index, len(ascii_lowercase))
        for name in group:
            found[name] = found.get(name, "") + ascii_lowercase[letter] + (str(again) if again else "")
    return found


def _cover(tied_MM: np.ndarray) -> list[list[int]]:
    """Groups of rows that are tied among themselves, until every tied pair is in one: a compact letter display as a
    cover by cliques (Gramm et al. 2007, Comput. Stat. Data Anal. 52:725), grown greedily from the best row down. The
    usual insertion and absorption ends with every maximal clique, which can be 200 for a board of 40 rows."""
    groups = []
    open_MM = tied_MM.copy()
    for row, tied_M in enumerate(tied_MM):
        while open_MM[row].any():
            group, joins_M = [row], tied_M.copy()
            joins_M[row] = False
            for other in (*np.flatnonzero(open_MM[row]), *np.flatnonzero(tied_M)):
                if joins_M[other]:
                    group.append(int(other))
                    joins_M &= tied_MM[other]
                    joins_M[other] = False
            open_MM[np.ix_(group, group)] = False
            groups.append(sorted(group))
    return sorted(groups)


def _paired_t_p(one_PN: np.ndarray, other_PN: np.ndarray) -> np.ndarray:
    """Two-sided p of each pair of rows (P,).

    Where the difference is the same in every seed, there is no spread to test with: 1, as it may be chance; but 0 for
    different rows that do not vary at all, since no seed plays a part in them (a majority class, a linear probe).
    """
    from scipy.special import stdtr

    differences_PN = (one_PN - other_PN).round(9)  # so that equal differences of different shares are equal
    seeds = differences_PN.shape[1]
    error_P = differences_PN.std(axis=1, ddof=1) / np.sqrt(seeds)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_P = 2 * stdtr(seeds - 1, -np.abs(differences_PN.mean(axis=1)) / error_P)
    fixed_P = (np.ptp(one_PN, axis=1) == 0) & (np.ptp(other_PN, axis=1) == 0) & (differences_PN[:, 0] != 0)
    return np.where(np.ptp(differences_PN, axis=1) == 0, np.where(fixed_P, 0.0, 1.0), p_P)


def _require_complete(values: pd.DataFrame) -> None:
    if not values.index.is_unique:
        raise UserError(f"two rows are named {values.index[values.index.duplicated()][0]!r}; expected one row a method")
    missing = values.isna()
    if missing.to_numpy().any():
        row = missing.any(axis=1).idxmax()
        raise UserError(
            f"row {row!r} has no value for seed {missing.loc[row].idxmax()}; expected the same seeds in all"
        )
