"""The floor of every board: always the class that is most frequent in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.data.clip_table import Clip, ClipTable, labels_of
from fgsgl.methods.method import Method
from fgsgl.records.protocol import Protocol


def _scores(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int, protocol: Protocol) -> np.ndarray:
    """The training share of every class, the same for every clip."""
    share_C = np.bincount(labels_of(train), minlength=len(table.classes)) / len(train)
    return np.tile(share_C.astype(np.float32), (len(test), 1))


METHOD = Method(name="majority", display_name="Majority class", paper="none (floor)", kind="floor", scores=_scores)
