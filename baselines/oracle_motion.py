"""A ceiling of SynMG: a small network on the true 3-D joints over time, in the frames that methods see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.methods.method import Method
from fgsgl.records.protocol import Protocol


def _scores(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int, protocol: Protocol) -> np.ndarray:
    from fgsgl.data.synmg.oracle import View, fit_and_score

    return fit_and_score("motion", table, train, test, View.of(protocol), seed=seed)


METHOD = Method(
    name="oracle_motion",
    display_name="Oracle (true joints, motion)",
    paper="none (ceiling)",
    kind="ceiling",
    datasets=("synmg",),
    scores=_scores,
)
