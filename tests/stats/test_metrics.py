import json

import msgspec
import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from fgsgl.stats.metrics import Scores, classification_metrics, confusion, grouped_metrics, pair_accuracy
from fgsgl.util.errors import UserError


def table(n_clips, n_classes, absent=(), seed=0):
    random = np.random.default_rng(seed)
    present = [index for index in range(n_classes) if index not in absent]
    return random.choice(present, size=n_clips), random.normal(size=(n_clips, n_classes)).round(3)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("n_classes, absent", [(17, ()), (17, (3, 14)), (6, (0,)), (3, ()), (2, (1,))])
def test_agrees_with_scikit_learn(n_classes, absent):
    labels_N, scores_NC = table(200, n_classes, absent)
    said_N = scores_NC.argmax(axis=1)
    metrics = classification_metrics(labels_N, scores_NC)
    present = sorted(set(labels_N))
    assert metrics.n_classes_present == len(present) == n_classes - len(absent)
    assert metrics.top1 == pytest.approx(accuracy_score(labels_N, said_N))
    assert metrics.mean_class == pytest.approx(balanced_accuracy_score(labels_N, said_N))
    of_present = precision_recall_fscore_support(labels_N, said_N, labels=present, average="macro", zero_division=0)
    assert metrics.macro_f1 == pytest.approx(of_present[2])
    if n_classes > 5:
        expected = top_k_accuracy_score(labels_N, scores_NC, k=5, labels=range(n_classes))
        assert metrics.top5 == pytest.approx(expected)
    else:
        assert metrics.top5 == 1.0
    precision, recall, f1, n = precision_recall_fscore_support(
        labels_N, said_N, labels=range(n_classes), zero_division=np.nan
    )
    for index, row in enumerate(metrics.per_class):
        assert (row.index, row.n) == (index, n[index])
        for key, value in (("precision", precision), ("recall", recall), ("f1", f1)):
            found = getattr(row, key)
            assert found is None if np.isnan(value[index]) else found == pytest.approx(value[index])
    assert (confusion(labels_N, said_N, n_classes) == confusion_matrix(labels_N, said_N, labels=range(n_classes))).all()


def test_undefined_values_are_none_and_the_table_is_json():
    # Class 2 is absent but answered once, class 3 is neither; class 1 is present but never answered.
    metrics = classification_metrics(np.array([0, 0, 1]), np.eye(4)[[0, 2, 0]])
    assert [row.recall for row in metrics.per_class] == [0.5, 0.0, None, None]
    assert [row.precision for row in metrics.per_class] == [0.5, None, 0.0, None]
    assert [row.f1 for row in metrics.per_class] == [0.5, 0.0, 0.0, None]
    assert metrics.macro_f1 == 0.25
    text = json.dumps(msgspec.to_builtins(metrics), allow_nan=False)
    assert msgspec.json.decode(text, type=Scores) == metrics


def test_equal_scores_rank_by_class_id():
    constant_NC = np.zeros((10, 10))
    metrics = classification_metrics(np.arange(10), constant_NC)
    assert metrics.top1 == 0.1  # class 0 alone is answered right
    assert metrics.top5 == 0.5  # classes 0..4


@pytest.mark.parametrize(
    "labels_N, scores_NC, says",
    [
        ([0, 1], np.zeros((3, 4)), "labels have shape"),
        ([0, 1], np.zeros(2), "scores have shape"),
        ([], np.zeros((0, 4)), "scores have shape"),
        ([0, 1], [[0.0, 1.0], [np.nan, 0.0]], "clip 1"),
        ([0, 1], [[0.0, np.inf], [0.0, 0.0]], "clip 0"),
        ([0, 2], np.zeros((2, 2)), "span 0..2, expected 0..1"),
        ([0, -1], np.zeros((2, 2)), "span -1..0"),
        ([0.0, 1.0], np.zeros((2, 2)), "integer class ids"),
    ],
)
def test_bad_input_is_refused(labels_N, scores_NC, says):
    with pytest.raises(UserError, match=says):
        classification_metrics(np.array(labels_N), np.array(scores_NC))


def test_grouped_metrics_agree_with_scikit_learn():
    random = np.random.default_rng(3)
    group_C = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 3])
    labels_N, scores_NC = random.integers(0, 9, 300), random.normal(size=(300, 10))
    scores_NC[np.arange(300), labels_N] += 1
    said_N = scores_NC.argmax(1)
    found = grouped_metrics(labels_N, scores_NC, group_C)
    pairs = [(labels_N, said_N), (group_C[labels_N], group_C[said_N])]
    f1s = [f1_score(true_N, predicted_N, average=kind) for true_N, predicted_N in pairs for kind in ("macro", "micro")]
    assert found.f1_mean == pytest.approx(np.mean(f1s))
    assert found.group_top1 == pytest.approx(f1s[3]) and found.group_macro_f1 == pytest.approx(f1s[2])


def test_a_pair_is_judged_by_the_scores_of_its_two_classes_alone() -> None:
    labels_N = np.array([0, 0, 1, 2, 3, 4])
    scores_NC = np.full((6, 5), 0.1)
    scores_NC[:, 4] = 9.0  # always the best class, and in no pair
    scores_NC[0, 0], scores_NC[1, 1], scores_NC[2, 1] = 1.0, 1.0, 1.0
    scores_NC[3, 2], scores_NC[4, 3] = 1.0, 1.0
    assert pair_accuracy(labels_N, scores_NC, [(0, 1)]) == pytest.approx((0.5 + 1) / 2), "the two classes count alike"
    assert pair_accuracy(labels_N, scores_NC, [(1, 0), (3, 2)]) == pytest.approx((0.75 + 1) / 2)
    assert pair_accuracy(labels_N, np.ones((6, 5)), [(0, 1), (2, 3)]) == 0.5, "who sees no difference is at chance"
    assert (
        pair_accuracy(labels_N[:3], scores_NC[:3], [(2, 3)]) is None and pair_accuracy(labels_N, scores_NC, []) is None
    )
