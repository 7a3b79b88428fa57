"""Scores on classes held out of training."""

import msgspec
import numpy as np
import pytest

from fgsgl.stats.scores import UnseenScores
from fgsgl.stats.unseen import unseen_scores
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
