"""A ceiling of SynMG without motion: a small network on the true 3-D joints of the protocol's frames, one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.methods.method import Method
from fgsgl.records.protocol import Protocol


def _scores(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int, protocol: Protocol) -> np.ndarray:
    from fgsgl.data.synmg.oracle import View, fit_and_score

    return fit_and_score("static", table, train, test, View.of(protocol), seed=seed)


METHOD = Method(
    name="oracle_static",
    display_name="Oracle (true joints, static)",
    paper="none (ceiling)",
    kind="ceiling",
    datasets=("synmg",),
    scores=_scores,
)
