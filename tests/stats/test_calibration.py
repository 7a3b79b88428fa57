import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from fgsgl.stats import calibration
from fgsgl.stats.calibration import confidence
from fgsgl.util.errors import UserError


def expected_calibration_error(labels_N, probability_NC, bins=15):
    probability_NC = np.asarray(probability_NC)
    right_N = probability_NC.argmax(axis=1) == labels_N
    return calibration.expected_calibration_error(right_N, confidence(probability_NC), bins)


def test_the_error_and_the_bins_by_hand():
    probability_NC = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    error, table = expected_calibration_error([0, 1, 1, 0], probability_NC, bins=2)
    assert list(table["n"]) == [0, 4] and table["confidence"].isna()[0]
    assert error == pytest.approx(abs(0.75 - 0.75))
    error, table = expected_calibration_error([0, 1, 1, 0], probability_NC, bins=10)
    filled = table[table["n"] > 0]
    assert list(filled["high"].round(1)) == [0.6, 0.7, 0.8, 0.9], "the upper edge belongs to a bin"
    assert error == pytest.approx((0.1 + 0.8 + 0.4 + 0.3) / 4)


def test_the_bins_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    probability_NC = random.dirichlet([0.5] * 4, 500)
    labels_N = random.integers(0, 4, 500)
    _, table = expected_calibration_error(labels_N, probability_NC, bins=15)
    accuracy, confidence = calibration_curve(probability_NC.argmax(1) == labels_N, probability_NC.max(1), n_bins=15)
    filled = table[table["n"] > 0]
    assert filled["accuracy"].to_numpy() == pytest.approx(accuracy)
    assert filled["confidence"].to_numpy() == pytest.approx(confidence)


def test_true_probabilities_have_a_small_error_and_boasting_ones_a_large():
    random = np.random.default_rng(1)
    probability_NC = random.dirichlet([1.0] * 5, 20_000)
    labels_N = (random.random((20_000, 1)) > probability_NC.cumsum(axis=1)).sum(axis=1)
    boasting_NC = probability_NC**4 / (probability_NC**4).sum(axis=1, keepdims=True)
    assert expected_calibration_error(labels_N, probability_NC)[0] < 0.02
    assert expected_calibration_error(labels_N, boasting_NC)[0] > 0.2


@pytest.mark.parametrize(
    "labels, probability, says",
    [
        ([0, 1], [[0.5, 0.5], [3.0, -2.0]], "clip 1"),
        ([0, 1], [[2.0, 1.0], [0.5, 0.5]], "clip 0"),
        ([0], [[np.nan, 1.0]], "clip 0"),
    ],
)
def test_scores_that_are_no_probabilities_are_refused(labels, probability, says):
    with pytest.raises(UserError, match=says):
        expected_calibration_error(labels, probability)


@pytest.mark.parametrize("right, sure", [([True], [0.5, 0.5]), ([], [])])
def test_answers_and_confidences_that_do_not_fit_are_refused(right, sure):
    with pytest.raises(UserError, match="expected"):
        calibration.expected_calibration_error(right, sure)
