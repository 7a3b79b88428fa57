"""A floor: a class drawn at random for every clip, each as likely as it is frequent in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.methods.method import Method


def _scores(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int) -> np.ndarray:
    """Each class's training share over its own exponential draw: the best class is drawn by the shares, the second
    best by what they are among the rest, and so on (a race of exponentials)."""
    share_C = np.bincount([clip.label for clip in train], minlength=len(table.classes)) / len(train)
    drawn_NC = share_C / np.random.default_rng(seed).exponential(size=(len(test), len(share_C)))
    return (drawn_NC / drawn_NC.sum(1, keepdims=True)).astype(np.float32)


METHOD = Method(
    name="stratified_random", display_name="Stratified random", paper="none (floor)", kind="floor", scores=_scores
)
