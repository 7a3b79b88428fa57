"""The floor of every board: always the class that is most frequent in training."""

from __future__ import annotations

import numpy as np

from fgsgl.bench.method import Method


def _scores(train_labels_N: np.ndarray, num_classes: int, num_clips: int, seed: int) -> np.ndarray:
    """The training share of every class, for every clip."""
    share_C = np.bincount(train_labels_N, minlength=num_classes) / len(train_labels_N)
    return np.tile(share_C.astype(np.float32), (num_clips, 1))


METHOD = Method(name="majority", display_name="Majority class", paper="none (floor)", kind="floor", scores=_scores)
