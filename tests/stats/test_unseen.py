"""Scores on classes held out of training."""

import msgspec
import numpy as np
import pytest

from fgsgl.stats.scores import UnseenScores
from fgsgl.stats.unseen import ausuc, unseen_scores
from fgsgl.util.errors import UserError

LABELS = np.array([0, 0, 1, 1, 1, 1, 2, 2, 3])
SAID = np.array([0, 1, 1, 1, 1, 0, 0, 2, 3])


def scores(said: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The answer first, and another class second."""
    found_NC = np.zeros((len(said), 4))
    found_NC[np.arange(len(said)), second] = 1
    found_NC[np.arange(len(said)), said] = 2
    return found_NC


def test_each_score_is_a_mean_over_classes_of_the_clips_and_answers_it_names() -> None:
    second = np.array([3, 3, 3, 3, 3, 3, 3, 3, 2])  # the first clip of class 2 says 0, and 3 among the unseen
    found = unseen_scores(LABELS, scores(SAID, second), (2, 3), names_unseen=True)
    seen, generalised = (1 / 2 + 3 / 4) / 2, (1 / 2 + 1) / 2
    assert found.seen == pytest.approx(seen)
    assert found.generalised == pytest.approx(generalised)
    assert found.unseen == pytest.approx((1 / 2 + 1) / 2)
    assert found.harmonic == pytest.approx(2 * seen * generalised / (seen + generalised))
    right = unseen_scores(LABELS, scores(SAID, np.full(9, 2)), (2, 3), names_unseen=True)
    assert right.unseen == 1.0  # among the unseen, the first clip of class 2 is right


def test_a_score_that_cannot_name_unseen_classes_has_that_on_seen_ones_alone() -> None:
    found = unseen_scores(LABELS, scores(SAID, SAID), (2, 3), names_unseen=False)
    assert found == UnseenScores(unseen=None, generalised=None, seen=(1 / 2 + 3 / 4) / 2, harmonic=None)


def test_the_harmonic_mean_of_two_zeros_is_zero() -> None:
    assert unseen_scores(np.array([0, 2]), scores(np.array([1, 1]), np.array([3, 3])), (2,), True).harmonic == 0


def test_random_scores_are_at_chance() -> None:
    random = np.random.default_rng(0)
    labels_N = np.repeat(np.arange(20), 500)
    found = unseen_scores(labels_N, random.random((10_000, 20)), (3, 7, 11, 15), names_unseen=True)
    assert found.unseen == pytest.approx(1 / 4, abs=0.03)
    assert found.generalised == pytest.approx(1 / 20, abs=0.02) and found.seen == pytest.approx(1 / 20, abs=0.01)


@pytest.mark.parametrize("labels", [[0, 1], [2, 3]])
def test_clips_of_one_kind_alone_are_refused(labels: list[int]) -> None:
    with pytest.raises(UserError, match="expected some of both"):
        unseen_scores(np.array(labels), np.eye(4)[labels], (2, 3), names_unseen=True)


def test_a_score_that_gives_all_unseen_classes_the_same_ties_them_and_is_at_chance() -> None:
    random_NC = np.random.default_rng(0).random((9, 4))
    tied_NC = random_NC.copy()
    tied_NC[:, 2:] = 0.1
    found = unseen_scores(LABELS, tied_NC, (2, 3), names_unseen=True)
    assert found.ties and found.unseen == 1 / 2
    tied_NC[-1, 3] = 0.2  # one clip is enough to tell them apart
    assert not unseen_scores(LABELS, tied_NC, (2, 3), names_unseen=True).ties
    assert not unseen_scores(LABELS, random_NC, (2, 3), names_unseen=True).ties
    assert not unseen_scores(LABELS, tied_NC, (3,), names_unseen=True).ties  # one class alone is no tie
    assert b"ties" not in msgspec.json.encode(unseen_scores(LABELS, random_NC, (2, 3), names_unseen=True))


def softmax(logits_NC: np.ndarray) -> np.ndarray:
    return np.exp(logits_NC) / np.exp(logits_NC).sum(axis=1, keepdims=True)


def test_the_area_under_the_curve_of_three_clips_is_that_drawn_by_hand() -> None:
    """Classes 0 and 1 are seen, 2 and 3 unseen. A constant below 0.5 calls every clip seen: the point (0, 1); above
    0.5 clip 1 is right: (1/2, 1); above 1 clip 0 is wrong: (1/2, 0); above 2 clip 2 is right: (1, 0)."""
    labels_N = np.array([0, 2, 3])
    logits_NC = np.array([[5.0, 0, 4, 0], [3, 4.5, 4, 0], [6, 0, 0, 4]])
    assert ausuc(labels_N, softmax(logits_NC), (2, 3)) == pytest.approx(1 / 2)
    logits_NC[1, 3] = 4.2  # wrong among the unseen classes: this clip is right nowhere
    assert ausuc(labels_N, softmax(logits_NC), (2, 3)) == pytest.approx(0, abs=1e-12)
    assert ausuc(labels_N[:2], np.array([[2, 0, 1, 0], [2, 0, 1, 0]]) / 3, (2, 3)) == 1 / 2  # both change at once


def test_the_area_is_that_of_the_curve_drawn_point_by_point() -> None:
    random = np.random.default_rng(1)
    labels_N, unseen = random.integers(0, 7, 60), (1, 4, 5)
    logits_NC = np.tile(random.normal(size=(30, 7)) + 2 * np.eye(7)[labels_N[:30]], (2, 1))  # every margin occurs twice
    seen = [index for index in range(7) if index not in unseen]
    constants = np.unique(logits_NC[:, seen].max(axis=1) - logits_NC[:, unseen].max(axis=1))
    curve = []
    for constant in (constants[0] - 1, *(constants + 1e-9)):
        taken_NC = logits_NC.copy()
        taken_NC[:, seen] -= constant
        found = unseen_scores(labels_N, taken_NC, unseen, names_unseen=True)
        curve.append((found.generalised, found.seen))
    assert ausuc(labels_N, softmax(logits_NC), unseen) == pytest.approx(np.trapezoid(*np.array(curve).T[::-1]))


def test_a_bias_towards_seen_classes_lowers_the_harmonic_mean_and_leaves_the_area() -> None:
    random = np.random.default_rng(0)
    labels_N = np.repeat(np.arange(20), 50)
    logits_NC = random.normal(size=(1000, 20)) + 3 * np.eye(20)[labels_N]
    unseen, harmonic, area = (3, 7, 11, 15), [], []
    for bias in (0, 2, 4):
        biased_NC = logits_NC + bias * ~np.isin(np.arange(20), unseen)
        harmonic.append(unseen_scores(labels_N, biased_NC, unseen, names_unseen=True).harmonic)
        area.append(ausuc(labels_N, softmax(biased_NC), unseen))
    assert harmonic[0] > 0.6 and harmonic[1] < harmonic[0] / 1.4 and harmonic[2] < harmonic[0] / 10
    assert area == pytest.approx([area[0]] * 3) and area[0] > 0.5
    assert ausuc(labels_N, softmax(random.normal(size=(1000, 20))), unseen) < 0.03  # knows nothing


def test_perfect_scores_have_the_area_one_and_wrong_ones_none() -> None:
    right_NC = np.eye(4)[LABELS]
    assert ausuc(LABELS, right_NC, (2, 3)) == 1
    assert ausuc(LABELS, np.roll(right_NC, 1, axis=1), (2, 3)) == 0
    assert ausuc(LABELS, np.zeros((9, 4)), (2, 3)) == (1 / 2) * (1 / 2) / 2  # classes 0 and 2, all at once


def test_an_area_needs_clips_of_both_kinds_and_probabilities() -> None:
    with pytest.raises(UserError, match="expected some of both"):
        ausuc(np.array([0, 1]), np.eye(4)[[0, 1]], (2, 3))
    with pytest.raises(UserError, match=r"a score is -0\.5, expected probabilities"):
        ausuc(LABELS, np.full((9, 4), -0.5), (2, 3))
