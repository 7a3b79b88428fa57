"""A ceiling of SynMG that gets more than methods do: 25 frames in two choices, mirrored views, the class prior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.methods.method import Method
from fgsgl.records.protocol import Protocol


def _scores(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int, protocol: Protocol) -> np.ndarray:
    from fgsgl.data.synmg.oracle import GENEROUS, fit_and_score

    return fit_and_score("motion", table, train, test, GENEROUS, seed=seed)


METHOD = Method(
    name="oracle_generous",
    display_name="Generous oracle (true joints, motion, 25 frames)",
    paper="none (ceiling)",
    kind="ceiling",
    datasets=("synmg",),
    scores=_scores,
)
