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
    is_unseen_N = np.isin(labels_N, among)
    if not is_unseen_N.any() or is_unseen_N.all():
        raise UserError(
            f"{is_unseen_N.sum()} of {len(labels_N)} clips are of unseen classes; expected some of both, to score apart"
        )
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


def _mean_recall(true_N: np.ndarray, said_N: np.ndarray) -> float:
    return float(np.mean([(said_N[true_N == label] == label).mean() for label in np.unique(true_N)]))
