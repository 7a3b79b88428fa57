"""Scores on classes that were held out of training. N clips, C classes, U of them unseen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.stats.scores import UnseenScores
from fgsgl.util.errors import UserError


def unseen_scores(
    labels_N: np.ndarray, scores_NC: np.ndarray, unseen: Sequence[int], names_unseen: bool
) -> UnseenScores:
    """Recalls over unseen and over seen classes, each the mean over classes; equal scores rank by class id.

    Args:
        labels_N, scores_NC: as for :func:`fgsgl.stats.metrics.classification_metrics`.
        unseen: the classes held out.
        names_unseen: whether the score can name them; else it has only a score on the seen ones.

    Raises:
        UserError: if the clips are all of seen, or all of unseen classes.
    """
    labels_N, scores_NC, among = np.asarray(labels_N), np.asarray(scores_NC), np.asarray(sorted(unseen))
    is_unseen_N = _is_unseen(labels_N, among)
    said_N = scores_NC.argmax(axis=1)
    seen = _mean_recall(labels_N[~is_unseen_N], said_N[~is_unseen_N])
    if not names_unseen:
        return UnseenScores(unseen=None, generalised=None, seen=seen, harmonic=None)
    true_N = labels_N[is_unseen_N]
    among_NU = scores_NC[is_unseen_N][:, among]
    alone = _mean_recall(true_N, among[among_NU.argmax(axis=1)])
    generalised = _mean_recall(true_N, said_N[is_unseen_N])
    both = generalised + seen
    harmonic = 2 * generalised * seen / both if both else 0.0
    ties = len(among) > 1 and bool((among_NU == among_NU[:, :1]).all())
    return UnseenScores(unseen=alone, generalised=generalised, seen=seen, harmonic=harmonic, ties=ties)


def ausuc(labels_N: np.ndarray, probability_NC: np.ndarray, unseen: Sequence[int]) -> float:
    """Area under the seen-unseen accuracy curve (Chao et al. 2016, arXiv 1605.04253), from 0 to 1.

    The curve follows both mean recalls, all classes competing, while a constant is taken from the seen classes' scores:
    from so little that no clip is called unseen to so much that all are. So a bias towards seen classes, in which a
    harmonic mean falls, leaves it as it is. Scores are log-probabilities here, which differ from logits by one number a
    clip. Where clips of both kinds change together, the curve is a straight line.

    Each clip changes at its margin, the best seen score minus the best unseen one, so the area is a weighted count of
    pairs: clips of an unseen and of a seen class, each right among its own kind, the margin of the second one higher.

    Args:
        labels_N: as for :func:`unseen_scores`.
        probability_NC: probabilities, or what is proportional to them in each clip.
        unseen: the classes held out.

    Raises:
        UserError: as :func:`unseen_scores`, or if a probability is negative.
    """
    labels_N, probability_NC, among = np.asarray(labels_N), np.asarray(probability_NC), np.asarray(sorted(unseen))
    if (lowest := probability_NC.min()) < 0:
        raise UserError(f"a score is {lowest:g}, expected probabilities, which are not negative")
    is_unseen_N = _is_unseen(labels_N, among)
    others = np.setdiff1d(np.arange(probability_NC.shape[1]), among)
    seen_N, unseen_N = probability_NC[:, others].max(axis=1), probability_NC[:, among].max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # a probability may be 0
        margin_N = np.log(seen_N, dtype=np.float64) - np.log(unseen_N, dtype=np.float64)
    margin_N[seen_N == unseen_N] = 0  # both may be 0
    kept, margins = [], []
    for kind_N, classes in ((is_unseen_N, among), (~is_unseen_N, others)):
        said_N = classes[probability_NC[kind_N][:, classes].argmax(axis=1)]
        kept.append(_parts_of_mean_recall(labels_N[kind_N], said_N))
        margins.append(margin_N[kind_N])
    order = np.argsort(margins[1])
    below = np.concatenate(([0.0], np.cumsum(kept[1][order])))
    lower, not_higher = (below[np.searchsorted(margins[1][order], margins[0], side)] for side in ("left", "right"))
    return float(np.clip((kept[0] * (below[-1] - (lower + not_higher) / 2)).sum(), 0, 1))


def _is_unseen(labels_N: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    is_unseen_N = np.isin(labels_N, unseen)
    if not is_unseen_N.any() or is_unseen_N.all():
        raise UserError(
            f"{is_unseen_N.sum()} of {len(labels_N)} clips are of unseen classes; expected some of both, to score apart"
        )
    return is_unseen_N


def _parts_of_mean_recall(true_N: np.ndarray, said_N: np.ndarray) -> np.ndarray:
    """(N,) what each clip adds to the mean of the classes' recalls."""
    _, class_N, count_C = np.unique(true_N, return_inverse=True, return_counts=True)
    return (said_N == true_N) / (count_C[class_N] * len(count_C))


def _mean_recall(true_N: np.ndarray, said_N: np.ndarray) -> float:
    return float(np.mean([(said_N[true_N == label] == label).mean() for label in np.unique(true_N)]))
