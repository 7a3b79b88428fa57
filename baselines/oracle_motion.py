"""A ceiling of SynMG: a small network on the true 3-D joints and their differences over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.methods.method import Method


def joints_scores(kind: str) -> Callable[[ClipTable, Sequence[Clip], Sequence[Clip], int], np.ndarray]:
    """The scores of one of :mod:`fgsgl.data.synmg.oracle`'s networks."""

    def scores(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int) -> np.ndarray:
        from fgsgl.data.synmg.oracle import fit_and_score

        return fit_and_score(kind, table, train, test, seed)

    return scores


METHOD = Method(
    name="oracle_motion",
    display_name="Oracle (true joints, motion)",
    paper="none (ceiling)",
    kind="ceiling",
    datasets=("synmg",),
    scores=joints_scores("motion"),
)
