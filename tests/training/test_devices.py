"""A cell trained by several processes is the cell that one trains; what is compiled or logged elsewhere is, too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fgsgl.methods.registry import get
from fgsgl.records.predictions import read_predictions
from fgsgl.records.protocol import default_protocol
from fgsgl.testing.method_contract import BuiltMethod, loss_of
from fgsgl.text import fgtext
from fgsgl.training.ranks import new_store, rank_environment, remove_store

DIVIDED = Path(__file__).with_name("divided.py")


def record_of(out: Path, method: str) -> dict[str, Any]:
    rows = [json.loads(path.read_text()) for path in (out / "ledger").glob("*.json")]
    (found,) = (row for row in rows if row["method"] == method)
    return found


@pytest.fixture(scope="module")
def even(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SynMG's smallest preset with 72 training clips instead of 74, as a table of one's own: whole batches of 8."""
    folder = tmp_path_factory.mktemp("even")
    shutil.copytree(smoke, folder, ignore=shutil.ignore_patterns("truth"), dirs_exist_ok=True)
    table = pd.read_csv(folder / "clips.csv", dtype=str, keep_default_na=False)
    table.drop(table.index[table["split"] == "train"][-2:]).to_csv(folder / "clips.csv", index=False)
    (folder / "text.yaml").write_text(fgtext.dump(fgtext.load("synmg")), encoding="utf-8")
    (folder / "classes.txt").write_text("\n".join(entry.name for entry in fgtext.load("synmg").classes))
    return folder


def run(call: Any, data: Path, out: Path, method: str, *options: str, expect: int = 0) -> Any:
    words = ("--dataset", "csv", "--root", data, "--device", "cpu", "--epochs", "1", "--batch-size", "8", "--jobs", "1")
    return call("-m", "fgsgl", "run", "--methods", method, *words, "--out", out, *options, expect=expect)


@pytest.mark.slow
def test_the_mean_gradient_of_two_processes_is_that_of_one() -> None:
    store = new_store()
    ranks = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(DIVIDED)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **rank_environment(rank, 2, store)},
        ) for rank in (0, 1)
    ]  # fmt: skip
    for rank in ranks:
        said = rank.communicate(timeout=560)[0]
        assert rank.returncode == 0 and "SEEN actionclip" in said, said
    remove_store(store)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fgsgl", "linear_probe"])
def test_two_processes_train_the_cell_that_one_trains(even: Path, tmp_path: Path, method: str, call: Any) -> None:
    run(call, even, tmp_path / "one", method)
    run(call, even, tmp_path / "two", method, "--devices", "2")
    one, two = (record_of(tmp_path / name, method) for name in ("one", "two"))
    assert one["cell_id"] == two["cell_id"]
    assert (one["hardware"]["devices"], two["hardware"]["devices"]) == (1, 2)
    (ours,), (theirs,) = one["curve"], two["curve"]
    for name in (name for name in ours if name.startswith("loss")):
        assert theirs[name] == pytest.approx(ours[name], rel=2e-3), name  # bf16 rounds
    scores = [read_predictions(tmp_path / name / "ledger", one["cell_id"]) for name in ("one", "two")]
    assert scores[0].clip_ids.tolist() == scores[1].clip_ids.tolist()
    assert np.abs(scores[0].scores["combined"] - scores[1].scores["combined"]).max() < 0.02
    assert "2 devices" in (tmp_path / "two" / "leaderboard.md").read_text()


def test_compiling_needs_a_compiler(even: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    answer = run(call, even, tmp_path, "linear_probe", "--compile", expect=2)
    assert "there is no 'no-such-compiler'; install g++" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_compiled_tower_learns_what_the_plain_one_learns(even: Path, tmp_path: Path, call: Any) -> None:
    run(call, even, tmp_path / "plain", "fgsgl")
    run(call, even, tmp_path / "compiled", "fgsgl", "--compile")
    plain, compiled = (record_of(tmp_path / name, "fgsgl") for name in ("plain", "compiled"))
    assert plain["cell_id"] == compiled["cell_id"]
    assert (plain["hardware"]["compiled"], compiled["hardware"]["compiled"]) == (False, True)
    assert compiled["curve"][0]["loss"] == pytest.approx(plain["curve"][0]["loss"], rel=0.01)


TOWERS = ("fgsgl", "linear_probe", "text4vis", "vificlip_lora", "actionclip", "xclip", "aim", "st_adapter")


@pytest.mark.slow
@pytest.mark.parametrize("name", TOWERS)
def test_every_kind_of_tower_can_be_compiled_as_a_whole(name: str) -> None:
    """Captured as one graph, which is then run as it is: no compiler is needed."""
    torch._dynamo.reset()
    subject = BuiltMethod(get(name), default_protocol("synmg", image_size=64))
    losses = []
    for prepare in (lambda: None, lambda: subject.model.tower.compile_visual("eager")):
        prepare()
        torch.manual_seed(0)
        losses.append(loss_of(subject.model, subject.batch).item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
