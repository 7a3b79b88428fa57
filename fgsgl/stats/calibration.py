"""Whether probabilities mean what they say. N clips, C classes, B bins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fgsgl.util.errors import UserError


def confidence(probability_NC: np.ndarray) -> np.ndarray:
    """The largest probability of each clip (N,); NaN where the scores are negative or do not sum to 1."""
    sum_N, low_N = probability_NC.sum(axis=1, dtype=np.float64), probability_NC.min(axis=1)
    return np.where(np.isclose(sum_N, 1, atol=1e-3) & (low_N >= 0), probability_NC.max(axis=1), np.nan)


def expected_calibration_error(
    right_N: np.ndarray, confidence_N: np.ndarray, bins: int = 15
) -> tuple[float, pd.DataFrame]:
    """The mean distance between confidence and accuracy over bins of equal width, weighted by clips (Guo et al. 2017,
    arXiv 1706.04599, equation 3). It grows with the number of bins and falls with the number of clips, so compare
    models on the same clips with the same bins.

    Args:
        right_N: bool, whether each clip's answer is right.
        confidence_N: from :func:`confidence`.

    Returns:
        The error, a share from 0 to 1, and the table of all bins: ``low`` (exclusive), ``high`` (inclusive), ``n``
        clips, mean ``confidence`` and ``accuracy`` (shares; nan in an empty bin).

    Raises:
        UserError: if the shapes do not fit or the scores of a clip are no probabilities.
    """
    right_N, confidence_N = np.asarray(right_N), np.asarray(confidence_N, dtype=np.float64)
    if right_N.ndim != 1 or not right_N.size or right_N.shape != confidence_N.shape:
        raise UserError(f"answers {right_N.shape} and confidences {confidence_N.shape}; expected (clips,) in both")
    if np.isnan(confidence_N).any():
        clip = int(np.isnan(confidence_N).argmax())
        raise UserError(
            f"the scores of clip {clip} (row, from 0) are no probabilities: they are negative or do not sum to 1"
        )
    bin_N = np.clip(np.ceil(confidence_N * bins).astype(int) - 1, 0, bins - 1)
    count_B = np.bincount(bin_N, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence_B = np.bincount(bin_N, weights=confidence_N, minlength=bins) / count_B
        accuracy_B = np.bincount(bin_N, weights=right_N, minlength=bins) / count_B
    edges = np.linspace(0, 1, bins + 1)
    table = pd.DataFrame({
        "low": edges[:-1], "high": edges[1:], "n": count_B, "confidence": confidence_B, "accuracy": accuracy_B
    })  # fmt: skip
    gap_B = np.nan_to_num(np.abs(confidence_B - accuracy_B))
    return float((count_B * gap_B).sum() / len(right_N)), table
