"""Sentences read out, by hand: four clips, three classes, two of which share their sentences."""

import numpy as np

from fgsgl.stats.retrieval import Hits, first_hits

SAME_CC = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=bool)
LABELS_N = np.array([0, 2, 1, 2])


def test_the_sentences_of_a_class_count_whichever_class_they_are_found_under() -> None:
    score_NC = np.array([[0, 1, 0], [5, 1, 5], [0, 1, 0], [9, 8, 9]])
    assert first_hits(score_NC, LABELS_N, SAME_CC) == Hits(r1=0.75, sentences=2, largest=0.75)


def test_perfect_and_constant_answers() -> None:
    assert first_hits(SAME_CC[LABELS_N].astype(float), LABELS_N, SAME_CC).r1 == 1
    found = first_hits(np.tile([0.1, 0.0, 0.1], (4, 1)), LABELS_N, SAME_CC)
    assert found.r1 == found.largest, "always the most frequent answer"
    assert first_hits(np.eye(3)[LABELS_N], LABELS_N, np.eye(3, dtype=bool)).sentences == 3
