"""A floor: a random class for every clip, drawn with the classes' frequencies in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.data.clip_table import Clip, ClipTable, labels_of
from fgsgl.methods.method import Method
from fgsgl.records.protocol import Protocol


def _scores(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int, protocol: Protocol) -> np.ndarray:
    """Ranks the classes at random: first by their training shares, then by the shares among the rest, and so on.

    This is a race of exponentials: each share is divided by its own exponential draw.
    """
    share_C = np.bincount(labels_of(train), minlength=len(table.classes)) / len(train)
    drawn_NC = share_C / np.random.default_rng(seed).exponential(size=(len(test), len(share_C)))
    return (drawn_NC / drawn_NC.sum(1, keepdims=True)).astype(np.float32)


METHOD = Method(
    name="stratified_random", display_name="Stratified random", paper="none (floor)", kind="floor", scores=_scores
)
