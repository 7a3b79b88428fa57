"""Where the spread of a score comes from: training seed, subject, split, or none of them.

N values, L levels of a factor; a value is, say, the accuracy of one subject under one training seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fgsgl.util.errors import UserError

REST = "rest"


def variance_shares(table: pd.DataFrame, factors: Sequence[str], value: str = "value") -> pd.DataFrame:
    """Variance components of a random-effects model, by Henderson's and Rao's moments: the sums of squares between the
    levels of each factor, and the total one, are set equal to what the model expects of them (MINQUE(0); Rao 1971,
    J. Multivar. Anal. 1:445). For balanced data that is the classical analysis of variance. Factors may be crossed or
    nested and cells may be missing. No normality is assumed.

    A level means the same wherever it occurs: if seed 0 of one split has nothing to do with seed 0 of another, give
    them different labels. An estimate below zero is shown as 0. With few levels (five seeds) a share is rough.

    Args:
        table: one row a value, with a column of labels for each factor.
        factors: such as ``("seed", "subject", "split")``.
        value: the column of the values, in percent.

    Returns:
        One row a factor, and ``rest`` (their interactions and the noise of single clips): columns ``component``,
        ``levels``, ``variance`` (squared points) and ``share`` (of the sum of variances; nan where nothing varies).

    Raises:
        UserError: if a value is missing, a factor has one level, or the table cannot tell the components apart.
    """
    values_N = table[value].to_numpy(dtype=np.float64)
    if not np.isfinite(values_N).all():
        raise UserError(f"column {value!r} has a value that is not finite; leave out its row")
    centred = [_indicators(table[factor]) for factor in factors]
    spread_N = values_N - values_N.mean()
    between_F = np.array([*(np.square(one_NL.T @ spread_N).sum() for one_NL in centred), spread_N @ spread_N])
    expected_FF = np.full((len(factors) + 1, len(factors) + 1), len(values_N) - 1.0)
    for row, one_NL in enumerate(centred):
        expected_FF[row, :-1] = [np.square(one_NL.T @ other_NL).sum() for other_NL in centred]
        expected_FF[row, -1] = expected_FF[-1, row] = np.square(one_NL).sum()
    if np.linalg.matrix_rank(expected_FF) < len(expected_FF):
        raise UserError(
            f"the table cannot tell {', '.join(factors)} and {REST} apart: two of them have the same levels"
        )
    variance_F = np.maximum(np.linalg.solve(expected_FF, between_F), 0.0)
    total = variance_F.sum()
    levels = [*(table[factor].nunique() for factor in factors), len(table)]
    share_F = variance_F / total if total else np.full_like(variance_F, np.nan)
    return pd.DataFrame({
        "component": [*factors, REST], "levels": levels, "variance": variance_F, "share": share_F
    })  # fmt: skip


def _indicators(labels: pd.Series) -> np.ndarray:
    """(N, L): 1 where a value has a level, 0 elsewhere, minus the column's mean."""
    if labels.nunique() < 2:
        raise UserError(f"{labels.name!r} has one level; a variance needs two, and ten to be more than a hint")
    level_NL = pd.get_dummies(labels).to_numpy(dtype=np.float64)
    return level_NL - level_NL.mean(axis=0)
