"""Reading text out of clips: how often the right sentence is the nearest one.

Shapes: N clips, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Hits(NamedTuple):
    """Retrieval of the right sentences, and what it takes without looking."""

    r1: float
    """Share of the clips whose best sentences are their own."""
    sentences: int
    """Distinct sentences: a blind guess scores one over it."""
    largest: float
    """Share of the clips that the most frequent sentences belong to: what always answering them scores."""


def first_hits(score_NC: np.ndarray, labels_N: np.ndarray, same_CC: np.ndarray) -> Hits:
    """R@1 of the sentences of a dimension, where several classes may share theirs.

    Args:
        score_NC: how well each class's sentences fit each clip; classes that share them have the same score.
        labels_N: the clips' classes.
        same_CC: bool, which classes have the same sentences; symmetric and transitive, with a true diagonal.
    """
    group_C = same_CC.argmax(axis=1)  # the first class that has the same
    hit_N = same_CC[labels_N, score_NC.argmax(axis=1)]
    return Hits(
        r1=float(hit_N.mean()),
        sentences=len(np.unique(group_C)),
        largest=float(np.bincount(group_C[labels_N]).max() / len(labels_N)),
    )
