"""Classification metrics of one cell, typed as they stand in a record.

N clips, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.stats.scores import ClassScores, GroupScores, Scores
from fgsgl.util.errors import UserError


def classification_metrics(labels_N: np.ndarray, scores_NC: np.ndarray) -> Scores:
    """Every metric of the boards, from 0-based labels and one score per class (higher is better).

    Equal scores rank by class id, the lower first, so a constant score is the answer "class 0" and never a tie won.

    A prediction of an absent class lowers the recall of the clip's true class.

    Raises:
        UserError: if the shapes or types do not fit, a label lies outside 0..C-1, or a score is not finite.
    """
    labels_N, scores_NC = np.asarray(labels_N), np.asarray(scores_NC)
    if scores_NC.ndim != 2 or 0 in scores_NC.shape:
        raise UserError(f"the scores have shape {scores_NC.shape}, expected (clips, classes) with at least one of each")
    if labels_N.shape != scores_NC.shape[:1]:
        raise UserError(f"the labels have shape {labels_N.shape}, expected ({len(scores_NC)},): one for each score row")
    if not np.isfinite(scores_NC).all():
        clip = int(np.flatnonzero(~np.isfinite(scores_NC).all(axis=1))[0])
        raise UserError(f"the scores of clip {clip} (row, from 0) are not all finite; a NaN cannot be ranked")
    n_classes = scores_NC.shape[1]
    confusion_CC = confusion(labels_N, scores_NC.argmax(axis=1), n_classes)

    rank_N = _rank_of_truth(labels_N, scores_NC)
    true_C, said_C, hit_C = confusion_CC.sum(axis=1), confusion_CC.sum(axis=0), confusion_CC.diagonal()
    present_C = true_C > 0
    recall_C, precision_C, f1_C = _share(hit_C, true_C), _share(hit_C, said_C), _share(2 * hit_C, true_C + said_C)
    return Scores(
        n_clips=len(labels_N),
        n_classes=n_classes,
        n_classes_present=int(present_C.sum()),
        top1=float((rank_N < 1).mean()),
        top5=float((rank_N < 5).mean()),
        mean_class=float(recall_C[present_C].mean()),
        macro_f1=float(f1_C[present_C].mean()),
        per_class=[
            ClassScores(index=index, n=int(n), recall=_plain(recall), precision=_plain(precision), f1=_plain(f1))
            for index, (n, recall, precision, f1) in enumerate(zip(true_C, recall_C, precision_C, f1_C, strict=True))
        ],
    )


def grouped_metrics(labels_N: np.ndarray, scores_NC: np.ndarray, group_C: np.ndarray) -> GroupScores:
    """The metrics of a data set whose classes form groups, such as MA-52's actions and their body parts.

    The group of a prediction is that of its best class. ``group_top1`` is a share of the clips; ``f1_mean`` the mean of
    the macro and the micro F1 of groups and of classes (MA-52, arXiv 2403.05234), where a macro F1 is over all that
    occur as truth or prediction, as in scikit-learn, and a micro F1 equals top-1.

    Args:
        labels_N, scores_NC: as for :func:`classification_metrics`.
        group_C: the group of each class, from 0.

    Raises:
        UserError: as :func:`confusion`.
    """
    group_C = np.asarray(group_C)
    predicted_N = np.asarray(scores_NC).argmax(axis=1)
    values = {}
    for name, true_N, said_N, count in (
        ("class", np.asarray(labels_N), predicted_N, len(group_C)),
        ("group", group_C[labels_N], group_C[predicted_N], int(group_C.max()) + 1),
    ):
        confusion_CC = confusion(true_N, said_N, count)
        both_C = confusion_CC.sum(axis=1) + confusion_CC.sum(axis=0)
        f1_C = _share(2 * confusion_CC.diagonal(), both_C)
        values[f"{name}_top1"] = float((true_N == said_N).mean())
        values[f"{name}_f1"] = float(f1_C[both_C > 0].mean())
    mean = sum(values.values()) / 4
    return GroupScores(group_top1=values["group_top1"], group_macro_f1=values["group_f1"], f1_mean=mean)


def pair_accuracy(labels_N: np.ndarray, scores_NC: np.ndarray, pairs: Sequence[tuple[int, int]]) -> float | None:
    """How often the true class of a pair has a higher score than the other one; its clips alone, other classes aside.

    The mean over the pairs, each with its two classes weighted alike, so that chance, and any answer that sees no
    difference, is 0.5. Of equal scores the lower class id counts as the higher, as in top-1.

    Args:
        labels_N, scores_NC: as for :func:`classification_metrics`.
        pairs: class ids.

    Returns:
        None where a class of a pair has no clip, or there is no pair.
    """
    labels_N, scores_NC = np.asarray(labels_N), np.asarray(scores_NC)
    recalls = []
    for one, other in ((min(pair), max(pair)) for pair in pairs):
        says_one_N = scores_NC[:, one] >= scores_NC[:, other]
        for right_N in (says_one_N[labels_N == one], ~says_one_N[labels_N == other]):
            if not len(right_N):
                return None
            recalls.append(right_N.mean())
    return float(np.mean(recalls)) if recalls else None


def confusion(labels_N: np.ndarray, predicted_N: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts (C, C) int64: row = true class, column = predicted class.

    Raises:
        UserError: if the two differ in shape, are not integers, or lie outside 0..C-1.
    """
    labels_N, predicted_N = np.asarray(labels_N), np.asarray(predicted_N)
    if labels_N.ndim != 1 or labels_N.shape != predicted_N.shape:
        raise UserError(f"labels {labels_N.shape} and predictions {predicted_N.shape} must have the same length")
    for name, values_N in (("labels", labels_N), ("predictions", predicted_N)):
        if not np.issubdtype(values_N.dtype, np.integer):
            raise UserError(f"the {name} have type {values_N.dtype}, expected integer class ids")
        if values_N.size and not 0 <= values_N.min() <= values_N.max() < n_classes:
            raise UserError(f"the {name} span {values_N.min()}..{values_N.max()}, expected 0..{n_classes - 1}")
    pairs_N = labels_N.astype(np.int64) * n_classes + predicted_N.astype(np.int64)
    return np.bincount(pairs_N, minlength=n_classes**2).reshape(n_classes, n_classes)


def _rank_of_truth(labels_N: np.ndarray, scores_NC: np.ndarray) -> np.ndarray:
    """(N,) number of classes ranked before the true one."""
    true_N1 = np.take_along_axis(scores_NC, labels_N[:, None], axis=1)
    lower_id_NC = np.arange(scores_NC.shape[1]) < labels_N[:, None]
    return ((scores_NC > true_N1) | ((scores_NC == true_N1) & lower_id_NC)).sum(axis=1)


def _share(part_C: np.ndarray, whole_C: np.ndarray) -> np.ndarray:
    """part / whole, NaN where the whole is 0."""
    return np.divide(part_C, whole_C, out=np.full(part_C.shape, np.nan), where=whole_C > 0)


def _plain(value: float) -> float | None:
    return None if value != value else float(value)  # NaN; NumPy asks ten times as long
