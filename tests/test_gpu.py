"""On a GPU: methods keep the contract, a cell repeats bit for bit, also after a kill, and cells share the card.

Run with ``make test-gpu``; every test is skipped where PyTorch sees no GPU.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fgsgl.data.cache.frame_cache import open_cache
from fgsgl.data.synmg import make
from fgsgl.methods.registry import get, scan
from fgsgl.records.predictions import read_predictions
from fgsgl.testing.method_contract import examine

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU"),
]
METHODS = [name for name, method in scan().items() if method.model is not None]
SHARERS = ("i3d", "r2plus1d", "stgcn", "tsm")
"""Methods with operations that PyTorch may not be able to repeat on a GPU: they train all the same."""


def words(data: Path, out: Path, *options: str) -> list[str]:
    """An `fgsgl run` on the smallest SynMG."""
    given = ("--preset", "smoke", "--root", data, "--device", "cuda", "--out", out, *options)
    return ["-m", "fgsgl", "run", *map(str, given)]


def records(out: Path) -> dict[str, dict[str, Any]]:
    """Records of a board by method."""
    found = (json.loads(path.read_text()) for path in (out / "ledger").glob("*.json"))
    return {record["method"]: record for record in found}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_contract(name: str) -> None:
    broken = [f"{one.check}: {one.detail}" for one in examine(get(name), "quick", "cuda") if not one.ok]
    assert not broken


def test_a_gpu_renders_the_clips_that_a_cpu_renders(smoke: Path, tmp_path: Path) -> None:
    table = make.make(tmp_path / "smoke", "smoke", 0, device="cuda")
    ours, theirs = (open_cache(one, 8, 112) for one in (table, make.load(smoke)))
    assert table.fingerprint() == make.load(smoke).fingerprint()
    for clip in table.clips[::10]:
        apart = ours.frames(clip.clip_id).astype(int) - theirs.frames(clip.clip_id)
        assert np.abs(apart).mean() < 1, clip.clip_id


def test_a_cell_is_identical_when_it_is_run_again(smoke: Path, tmp_path: Path, call: Any) -> None:
    call(*words(smoke, tmp_path / "board", "--methods", "fgsgl", "linear_probe", "--epochs", "2"))
    for method in ("fgsgl", "linear_probe"):
        record = records(tmp_path / "board")[method]
        assert record["hardware"]["gpu"] == torch.cuda.get_device_name()
        assert record["hardware"]["autocast"] == "bf16"
        assert record["hardware"]["unrepeatable"] == []
        said = call("-m", "fgsgl", "repro", tmp_path / "board", method, "--root", smoke).stdout
        assert "identical: every score of every test clip is the same" in said


def test_a_killed_cell_ends_as_if_it_had_not_been(smoke: Path, tmp_path: Path, call: Any) -> None:
    options = ("--methods", "fgsgl", "--epochs", "6")
    call(*words(smoke, tmp_path / "whole", *options))
    whole = records(tmp_path / "whole")["fgsgl"]
    started = subprocess.Popen([sys.executable, *words(smoke, tmp_path / "killed", *options)], cwd=tmp_path)
    curve, deadline_s = tmp_path / "killed" / "work" / whole["cell_id"] / "curve.jsonl", time.monotonic() + 120
    while time.monotonic() < deadline_s and not (curve.exists() and len(curve.read_text().splitlines()) > 1):
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert "fgsgl" not in records(tmp_path / "killed"), "it had finished already"
    call(*words(smoke, tmp_path / "killed", *options))
    again = records(tmp_path / "killed")["fgsgl"]
    assert again["predictions_sha256"] == whole["predictions_sha256"]
    values = [
        [{**row, "train_s": 0, "clips_per_s": 0, "memory_mib": 0} for row in one["curve"]] for one in (again, whole)
    ]
    assert values[0] == values[1]


def test_cells_share_a_gpu(smoke: Path, tmp_path: Path, call: Any) -> None:
    call(*words(smoke, tmp_path, "--methods", *SHARERS, "--jobs", "4", "--epochs", "1"))
    found = records(tmp_path)
    assert {name: found[name]["status"] for name in SHARERS} == dict.fromkeys(SHARERS, "done")
    assert all(found[name]["peak_memory_mib"] > 0 for name in SHARERS)
    said = call(*words(smoke, tmp_path, "--methods", "tsm", "--seeds", "5000", "--jobs", "4000"), expect=2).stderr
    assert "--jobs 4000 puts 4000 cells on a GPU" in said


def test_a_compiled_tower_learns_what_the_plain_one_learns(smoke: Path, tmp_path: Path, call: Any) -> None:
    for name, options in (("plain", ()), ("compiled", ("--compile",))):
        call(*words(smoke, tmp_path / name, "--methods", "fgsgl", "--epochs", "1", *options))
    plain, compiled = (records(tmp_path / name)["fgsgl"] for name in ("plain", "compiled"))
    assert (plain["hardware"]["compiled"], compiled["hardware"]["compiled"]) == (False, True)
    assert compiled["curve"][0]["loss"] == pytest.approx(plain["curve"][0]["loss"], rel=0.02)
    scores = [
        read_predictions(tmp_path / name / "ledger", plain["cell_id"]).scores["combined"]
        for name in ("plain", "compiled")
    ]
    assert np.abs(scores[0] - scores[1]).mean() < 0.02


def test_a_cell_that_does_not_fit_says_what_may(smoke: Path, tmp_path: Path, call: Any) -> None:
    """What the card has is taken, but for what CUDA itself needs and a little."""
    free, _ = torch.cuda.mem_get_info()
    taken = torch.empty(free - 900 * 2**20, dtype=torch.uint8, device="cuda")
    try:
        options = ("--methods", "vificlip", "--num-frames", "32", "--batch-size", "48", "--epochs", "1")
        call(*words(smoke, tmp_path, *options), expect=1)
    finally:
        del taken
        torch.cuda.empty_cache()
    failed = records(tmp_path)["vificlip"]
    assert failed["failure"]["class"] == "out_of_memory"
    assert "--accumulate" in failed["failure"]["message"]
