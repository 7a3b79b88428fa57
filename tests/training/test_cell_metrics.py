"""Metrics of a cell where classes were held out."""

import numpy as np
import pytest

from fgsgl.data import datasets
from fgsgl.records.predictions import Predictions
from fgsgl.stats.metrics import pair_accuracy
from fgsgl.training.cell_metrics import HeldOut, metrics_of

SYNMG = datasets.get("synmg")
FINE = SYNMG.fine_pairs
assert FINE is not None


def without_text(unseen: tuple[int, ...]) -> Predictions:
    """Three clips a class; seen classes are named rightly in two of three, unseen ones never."""
    labels_N = np.repeat(np.arange(FINE.n_classes), 3)
    scores_NC = np.random.default_rng(0).random((len(labels_N), FINE.n_classes)).astype(np.float32)
    right_N = np.arange(len(labels_N)) % 3 > 0
    scores_NC[right_N, labels_N[right_N]] = 2
    scores_NC[:, list(unseen)] = 0
    ids = np.array([f"c{number}" for number in range(len(labels_N))])
    return Predictions(clip_ids=ids, subjects=ids, labels=labels_N, scores={"combined": scores_NC})


def test_fine_pairs_with_an_unseen_class_do_not_count() -> None:
    unseen = (FINE.pairs[0][0], FINE.pairs[1][1])
    predictions = without_text(unseen)
    labels_N, scores_NC = predictions.labels, predictions.scores["combined"]
    seen = [pair for pair in FINE.pairs if not set(pair) & set(unseen)]
    left_out = [pair for pair in FINE.pairs if set(pair) & set(unseen)]
    assert len(seen) == len(FINE.pairs) - len(left_out) and len(left_out) >= 2
    assert pair_accuracy(labels_N, scores_NC, left_out) == pytest.approx(0.5)  # such a score says nothing of these
    expected = pair_accuracy(labels_N, scores_NC, seen)
    for names in ((), ("combined",)):
        found = metrics_of(predictions, SYNMG, HeldOut(classes=unseen, text_scores=names))
        assert found.fine_pairs == expected and expected is not None and expected > 0.6
    assert metrics_of(predictions, SYNMG).fine_pairs == pytest.approx(pair_accuracy(labels_N, scores_NC, FINE.pairs))


def test_where_every_pair_has_an_unseen_class_there_is_no_such_metric() -> None:
    unseen = tuple(sorted({one for one, _ in FINE.pairs}))
    found = metrics_of(without_text(unseen), SYNMG, HeldOut(classes=unseen, text_scores=()))
    assert found.fine_pairs is None
