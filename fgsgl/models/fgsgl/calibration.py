"""Bringing the category and the fine score to one scale, on the validation split.

Each score first gets its own temperature. The combination is category + beta * fine; beta and the combination's
temperature are the two coefficients of a logistic regression without a bias, whose likelihood has one optimum. So beta
moves smoothly with the data, where a grid over accuracies jumped (see method.md).

Shapes: N clips, C classes.
"""

from __future__ import annotations

import numpy as np

from fgsgl.util.errors import UserError

BETA_MAX = 10.0
_LOG_TEMPERATURE = (-5.0, 5.0)


def fit_temperature(logits_NC: np.ndarray, labels_N: np.ndarray) -> float:
    """The temperature that minimises the negative log-likelihood of ``softmax(logits / temperature)``
    (arXiv 1706.04599)."""
    from scipy.optimize import minimize_scalar  # a second of imports, which only the fit needs

    found = minimize_scalar(
        lambda log_t: _nll(logits_NC / np.exp(log_t), labels_N), bounds=_LOG_TEMPERATURE, method="bounded"
    )
    return float(np.exp(found.x))


def fit_combination(category_NC: np.ndarray, fine_NC: np.ndarray, labels_N: np.ndarray) -> tuple[float, float]:
    """(beta, temperature) of ``softmax((category + beta * fine) / temperature)`` with the highest likelihood.

    Args:
        category_NC, fine_NC: logits divided by their own temperatures.
        labels_N: class ids.

    Returns:
        beta in [0, BETA_MAX]: 0 where the fine score adds nothing.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    stack_2NC = np.stack([category_NC, fine_NC])
    true_2N = np.take_along_axis(stack_2NC, labels_N[None, :, None], axis=2)[..., 0]

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        log_p_NC = log_softmax(np.tensordot(coefficients, stack_2NC, 1), axis=1)
        expected_2N = (np.exp(log_p_NC) * stack_2NC).sum(2)
        return _picked_nll(log_p_NC, labels_N), (expected_2N - true_2N).mean(1)

    found = minimize(loss, x0=[0.5, 0.5], jac=True, method="L-BFGS-B", bounds=[(0, None), (0, None)])
    category, fine = found.x
    beta = float(min(fine / max(category, 1e-9), BETA_MAX))
    return beta, fit_temperature(category_NC + beta * fine_NC, labels_N)


def calibrate(
    category_logits_NC: np.ndarray | None, fine_logits_NC: np.ndarray | None, labels_N: np.ndarray
) -> dict[str, float]:
    """Temperatures and beta of the two scores from validation logits; either score may be absent.

    Returns:
        ``category_temperature``, ``fine_temperature``, ``beta`` and ``combined_temperature``, as far as they apply.

    Raises:
        UserError: if a logit is not finite, or there is no clip.
    """
    given = {"category": category_logits_NC, "fine": fine_logits_NC}
    scores = {name: np.asarray(logits, np.float64) for name, logits in given.items() if logits is not None}
    labels_N = np.asarray(labels_N, np.int64)
    for name, logits_NC in scores.items():
        if len(logits_NC) == 0 or len(logits_NC) != len(labels_N) or not np.isfinite(logits_NC).all():
            raise UserError(
                f"the {name} score cannot be calibrated: {logits_NC.shape[0]} rows of logits for {len(labels_N)} "
                "validation clips, expected one finite row a clip; did the training diverge?"
            )
    fitted = {f"{name}_temperature": fit_temperature(logits_NC, labels_N) for name, logits_NC in scores.items()}
    if len(scores) == 2:
        category_NC = scores["category"] / fitted["category_temperature"]
        fine_NC = scores["fine"] / fitted["fine_temperature"]
        fitted["beta"], fitted["combined_temperature"] = fit_combination(category_NC, fine_NC, labels_N)
    return fitted


def _nll(logits_NC: np.ndarray, labels_N: np.ndarray) -> float:
    from scipy.special import log_softmax

    return _picked_nll(log_softmax(logits_NC, axis=1), labels_N)


def _picked_nll(log_p_NC: np.ndarray, labels_N: np.ndarray) -> float:
    return float(-np.take_along_axis(log_p_NC, labels_N[:, None], axis=1).mean())
