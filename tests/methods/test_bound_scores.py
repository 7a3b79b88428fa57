"""Scores of floors and ceilings are computed once for a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.methods.bound_scores import bound_scores, scored_anew
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol, default_protocol

CALLS: list[int] = []
PROTOCOL = default_protocol("synmg", "smoke")


def counted(table: ClipTable, train: Sequence[Clip], test: Sequence[Clip], seed: int, protocol: Protocol) -> np.ndarray:
    CALLS.append(seed)
    assert protocol.epochs == 1, "no field that does not tell kept scores apart"
    return np.random.default_rng(seed).random((len(test), len(table.classes)), dtype=np.float32)


def test_every_board_reads_what_the_first_has_computed(
    smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path))
    CALLS.clear()
    table = DataSpec(dataset="synmg", preset="smoke", seed=0, root=smoke).load()
    oracle = replace(get("oracle_motion"), scores=counted)
    splits = table.split("train"), table.split("test")
    first = bound_scores(oracle, table, *splits, 3, PROTOCOL)
    assert np.array_equal(bound_scores(oracle, table, *splits, 3, PROTOCOL), first)
    assert first.dtype == np.float32 and CALLS == [3]

    bound_scores(oracle, table, *splits, 4, PROTOCOL)
    bound_scores(oracle, table, splits[0][:-1], splits[1], 3, PROTOCOL)
    bound_scores(replace(oracle, name="another"), table, *splits, 3, PROTOCOL)
    bound_scores(oracle, table, *splits, 3, replace(PROTOCOL, num_frames=16))
    assert CALLS == [3, 4, 3, 3, 3], "another seed, other clips, another method or protocol are computed"

    alike = {"epochs": 77, "backbone": "ViT-B-16", "pretrained": "openai", "batch_size": 4, "unseen": 4}
    bound_scores(oracle, table, *splits, 3, replace(PROTOCOL, **alike))
    assert len(CALLS) == 5, "what no floor or ceiling sees does not count"

    with scored_anew():
        assert np.array_equal(bound_scores(oracle, table, *splits, 3, PROTOCOL), first)
    assert CALLS[5:] == [3], "a repetition computes"

    for kept in (tmp_path / "bounds").rglob("*"):
        if kept.is_file():
            kept.write_bytes(kept.read_bytes()[:-1] + b"\x07")
    assert np.array_equal(bound_scores(oracle, table, *splits, 3, PROTOCOL), first)
    assert len(CALLS) == 7, "a damaged file is not believed"
