"""Whether probabilities mean what they say. N clips, C classes, B bins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fgsgl.util.errors import UserError


def expected_calibration_error(
    labels_N: np.ndarray, probability_NC: np.ndarray, bins: int = 15
) -> tuple[float, pd.DataFrame]:
    """The mean distance between confidence and accuracy over bins of equal width, weighted by clips (Guo et al. 2017,
    arXiv 1706.04599, equation 3). Confidence is the largest probability of a clip. It grows with the number of bins and
    falls with the number of clips, so compare models on the same clips with the same bins.

    Args:
        labels_N: true classes, from 0.
        probability_NC: one row a clip, summing to 1.

    Returns:
        The error, a share from 0 to 1, and the table of all bins: ``low`` (exclusive), ``high`` (inclusive), ``n``
        clips, mean ``confidence`` and ``accuracy`` (shares; nan in an empty bin).

    Raises:
        UserError: if the shapes do not fit or rows are no probabilities.
    """
    labels_N, probability_NC = np.asarray(labels_N), np.asarray(probability_NC, dtype=np.float64)
    if probability_NC.ndim != 2 or not probability_NC.size or labels_N.shape != probability_NC.shape[:1]:
        raise UserError(
            f"labels {labels_N.shape} and probabilities {probability_NC.shape}; expected (clips,), (clips, classes)"
        )
    wrong_N = ~np.isclose(probability_NC.sum(axis=1), 1, atol=1e-3) | (probability_NC < 0).any(axis=1)
    if wrong_N.any():
        clip = int(wrong_N.argmax())
        raise UserError(
            f"the scores of clip {clip} (row, from 0) are no probabilities: they are negative or do not sum to 1"
        )
    confidence_N = probability_NC.max(axis=1)
    right_N = probability_NC.argmax(axis=1) == labels_N
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
    return float((count_B * gap_B).sum() / len(labels_N)), table
