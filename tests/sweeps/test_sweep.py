"""The whole way of a sweep as a user goes it: search, rows, board; pruned, killed, shared; and bad input."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import made
import optuna
import pandas as pd
import pytest
import yaml
from rich.console import Console

from fgsgl.cli.main import main as fgsgl
from fgsgl.data.clip_table import read_clips
from fgsgl.data.datasets import synmg
from fgsgl.methods.registry import get
from fgsgl.records.ledger import Ledger
from fgsgl.records.optuna_storage import open_storage
from fgsgl.records.predictions import read_predictions
from fgsgl.records.protocol import SEALED, default_protocol
from fgsgl.records.record import NoMetrics
from fgsgl.running.execution import Execution, local_place
from fgsgl.running.planning import plan
from fgsgl.running.progress import Live
from fgsgl.running.scheduler import execute
from fgsgl.sweeps.liveness import Presence
from fgsgl.sweeps.optuna_search import main
from fgsgl.sweeps.samplers import pruner_spec
from fgsgl.sweeps.search import Search, Timebox
from fgsgl.sweeps.spaces import spaces_of
from fgsgl.sweeps.study import StudySpec, open_study

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (str(ROOT / "sweeps" / "optuna_search.py"), "--preset", "smoke", "--batch-size", "8", "--device", "cpu")
FAST = ("--method", "linear_probe", "--epochs", "2", "--seeds", "1", "--shots", "1")


def trials_of(out: Path) -> list[optuna.trial.FrozenTrial]:
    storage = open_storage(str(out / "trials" / "studies.journal"))
    (study,) = optuna.get_all_study_summaries(storage)
    return optuna.load_study(study_name=study.study_name, storage=storage).get_trials()


@pytest.fixture(scope="module")
def swept(smoke: Path, shared) -> Path:
    """A finished sweep of the linear probe's recipe with two trials. Read-only."""

    def make(out: Path) -> None:
        words = [*COMMAND[1:], *FAST, "--root", str(smoke), "--out", str(out), "--trials", "2"]
        with made.without_figures(), redirect_stdout(io.StringIO()) as said:
            assert main(words) == 0
        assert "2 of 2 trials to run" in said.getvalue() and "recipe.lr=" in said.getvalue()

    return shared("sweep", make)


def test_a_trial_is_a_cell_scored_on_the_validation_split_alone(swept: Path, smoke: Path) -> None:
    records = Ledger(swept / "trials" / "ledger").records()
    assert [record.status for record in records.values()] == ["done"] * 2
    val_ids = sorted(clip.clip_id for clip in read_clips(smoke / "clips.csv") if clip.split == "val")
    for trial in trials_of(swept):
        (cell_id,) = trial.user_attrs["cell_ids"]
        record = records[cell_id]
        assert sorted(read_predictions(swept / "trials" / "ledger", cell_id).clip_ids) == val_ids
        assert (record.protocol.evaluation, record.localisation, record.seed) == (SEALED, None, 1000)
        assert trial.value == record.metrics.top1
        assert trial.intermediate_values == {row["epoch"]: row["val_top1"] for row in record.curve}
        assert record.config.recipe["lr"] == trial.params["recipe.lr"]
        spec = json.loads((swept / "trials" / "work" / cell_id / "spec.json").read_text())
        assert spec["trial"]["number"] == trial.number


def test_the_tuned_row_stands_beside_the_default_under_the_test_protocol(swept: Path) -> None:
    records = [record for record in Ledger(swept / "ledger").records().values() if record.kind == "method"]
    best = max(trials_of(swept), key=lambda trial: trial.value)
    assert {record.protocol.evaluation for record in records}.isdisjoint({SEALED})
    assert best.params["recipe.lr"] in {record.config.recipe["lr"] for record in records}
    assert get("linear_probe").recipe.lr in {record.config.recipe["lr"] for record in records}
    table = pd.read_csv(swept / "leaderboard.csv")
    assert {"full", "tuned"} <= set(table[table["method"] == "linear_probe"]["variant"])
    found = yaml.safe_load((swept / "best" / "linear_probe.yaml").read_text())
    assert found["changes"]["recipe.lr"] == best.params["recipe.lr"]
    assert (swept / "tuning.md").is_file() and (swept / "tuning.csv").is_file()


def test_fgsgl_run_takes_the_best_settings_and_finds_their_cells_done(swept: Path, smoke: Path, capsys) -> None:
    words = ["run", "--config", str(swept / "best" / "linear_probe.yaml"), "--out", str(swept), "--root", str(smoke)]
    words += ["--preset", "smoke", "--batch-size", "8", "--epochs", "2", "--shots", "1", "--device", "cpu", "--dry-run"]
    assert fgsgl(words) == 0
    said = capsys.readouterr().out
    assert "Linear probe tuned " in said and "Linear probe  " not in said and "nothing to run" in said
    assert fgsgl([*words, "--methods", "linear_probe"]) == 0
    assert "Linear probe  " in capsys.readouterr().out


def test_the_same_command_again_runs_nothing(swept: Path, smoke: Path, capsys) -> None:
    before = {path: path.stat().st_mtime_ns for path in swept.glob("**/ledger/*")}
    assert main([*COMMAND[1:], *FAST, "--root", str(smoke), "--out", str(swept), "--trials", "2"]) == 0
    assert "0 of 2 trials to run" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in swept.glob("**/ledger/*")} == before


def test_rows_that_the_time_does_not_hold_are_left_to_the_same_command(
    swept: Path, smoke: Path, tmp_path: Path, capsys
) -> None:
    """The trials are there already, and have shown that a cell takes longer than the second that is left."""
    out = tmp_path / "out"
    shutil.copytree(swept / "trials", out / "trials")
    words = [*COMMAND[1:], *FAST, "--root", str(smoke), "--out", str(out), "--trials", "2"]
    assert main([*words, "--timeout", "0.52"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"\d of \d cells of the rows would not have ended within 0.52 minutes \(--timeout\): the same", said
    )
    assert not list((out / "ledger").glob("*")) and (out / "figures" / "history-linear_probe.png").is_file()
    assert yaml.safe_load((out / "best" / "linear_probe.yaml").read_text())["changes"]
    assert "| Linear probe |" in (out / "tuning.md").read_text()


def test_optunas_own_command_opens_the_study(swept: Path) -> None:
    optuna_command = Path(sys.executable).with_name("optuna")
    journal = swept / "trials" / "studies.journal"
    said = subprocess.run(
        [optuna_command, "studies", "--storage", str(journal)], capture_output=True, text=True, check=True
    ).stdout
    assert "linear_probe-optim-" in said and "MAXIMIZE" in said and "TPESampler(n_startup_trials=5" in said


def test_a_dry_run_lists_space_trials_and_time_and_writes_nothing(swept: Path, smoke: Path, tmp_path, capsys) -> None:
    words = [*COMMAND[1:], *FAST, "--root", str(smoke), "--nested", "3", "--trials", "7", "--dry-run"]
    assert main([*words, "--out", str(swept)]) == 0
    said = capsys.readouterr().out
    assert "recipe.weight_decay" in said and "0.001 to 0.1, log" in said
    assert "studies: 3, trials of each: 7" in said and re.search(r"\nabout \d+ min with 2 at a time\n", said)
    assert "MedianPruner(n_startup_trials=4" in said.replace("\n", "")
    assert main([*words, "--out", str(tmp_path / "new")]) == 0
    assert "time unknown" in capsys.readouterr().out and not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_trial_that_others_beat_is_pruned_and_its_cell_is_not_done(smoke: Path, tmp_path: Path) -> None:
    """Four trials by hand that were right in every epoch, and a real one."""
    table = synmg.load(smoke, "smoke", 0)
    protocol = default_protocol("synmg", "smoke", epochs=4, batch_size=8, evaluation=SEALED)
    method, where = get("linear_probe"), str(tmp_path / "studies.journal")
    asked = StudySpec(
        method=method, space_name="optim", space=spaces_of(method)["optim"], protocol=protocol,
        fingerprint=table.fingerprint(), text="synmg", objectives=("top1",), sampler="random",
        pruner=pruner_spec("median", ("top1",), 4, 1), seeds=1,
    )  # fmt: skip
    storage = open_storage(where)
    study = open_study(storage, "s", asked)
    default = study.get_trials()[0]
    for _ in range(4):
        study.add_trial(
            optuna.create_trial(
                value=1.0,
                params={param.name: param.low for param in asked.space},
                distributions={
                    param.name: optuna.distributions.FloatDistribution(param.low, param.high, log=True)
                    for param in asked.space
                },
                intermediate_values=dict.fromkeys(range(1, 5), 1.0),
            )
        )
    place = local_place(tmp_path, protocol.data_spec(smoke), Execution(device="cpu", jobs=1))
    with Presence(tmp_path / "commands", storage) as presence, Live(Console(), 1) as live:
        search = Search(asked, study, where, 5, presence, Timebox())
        execute(search, place, live)
    trial = study.get_trials()[default.number]
    assert trial.state.name == "PRUNED" and sorted(trial.intermediate_values) == [1, 2]
    (record,) = place.ledger.records().values()
    assert (record.status, record.metrics, record.failure) == ("pruned", NoMetrics(), None)
    assert [row["val_top1"] for row in record.curve] == [trial.intermediate_values[step] for step in (1, 2)]
    assert record.times_s["train"] > 0 and record.hardware.cpu and [record.cell_id] == trial.user_attrs["cell_ids"]
    (planned,) = plan([asked.cell("again", {}, 0)], place.ledger)
    assert planned.cell.cell_id == record.cell_id and not planned.done


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--trials", "-3"), "argument --trials: it is -3, expected 1 to 10000"),
        (("--trials", "0"), "argument --trials: it is 0, expected 1 to 10000"),
        (("--nested", "0"), "argument --nested: it is 0, expected 1 to 100"),
        (("--seeds-per-trial", "0"), "argument --seeds-per-trial: it is 0, expected 1 to 100"),
        (("--seeds", "-1"), "argument --seeds: it is -1, expected 1 to 1000"),
        (("--timeout", "0"), "argument --timeout: it is 0, expected more than 0"),
        (("--objective", "top2"), "unknown --objective 'top2'; did you mean top1?"),
        (("--method", "fgsl"), "unknown method 'fgsl'; did you mean fgsgl?"),
        (("--method", "majority"), "majority is not trained, so there is nothing to search"),
        (("--method", "tsm", "--space", "components"), "tsm has no space 'components'; valid: optim, all"),
        (("--space", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("--pruner", "median", "--objective", "train_s"), "--pruner median goes by the top-1 of each epoch"),
        (
            ("--objective", "top1", "latency_ms", "--jobs", "2"),
            "--objective latency_ms is measured only while no other",
        ),
        (("--storage", "postgresql://nobody@127.0.0.1:1/none"), "--storage cannot be opened"),
        (("--storage", "mongodb://localhost"), "--storage cannot be opened"),
        (("--dataset", "synmgg"), "unknown data set 'synmgg'"),
        (("--jobs", "0"), "--jobs is 0, expected a whole number, 1 to"),
        (("--max-hours", "-1"), "--max-hours is -1.0, expected more than 0"),
    ],
)
def test_bad_input_ends_in_one_line_and_code_2(words, error: str, smoke: Path, tmp_path: Path, capsys) -> None:
    preset = () if "--dataset" in words else COMMAND[1:3]
    try:
        code = main([*preset, "--root", str(smoke), "--out", str(tmp_path / "out"), *words])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    said = capsys.readouterr().err
    assert error in said and len(said.strip().splitlines()) == 1, said
    assert not (tmp_path / "out").exists()


def test_a_study_of_another_protocol_is_refused_by_the_command(swept: Path, smoke: Path, capsys) -> None:
    journal = swept / "trials" / "studies.journal"
    before = journal.read_bytes()
    name = optuna.get_all_study_summaries(open_storage(str(journal)))[0].study_name
    other = [*FAST[:2], "--epochs", "3", *FAST[4:]]
    assert main([*COMMAND[1:], *other, "--root", str(smoke), "--out", str(swept), "--study", name]) == 2
    said = capsys.readouterr().err
    assert "was made with protocol_hash" in said and "give another --study" in said
    assert len(said.strip().splitlines()) == 1 and journal.read_bytes() == before


def start(smoke: Path, out: Path, trials: int) -> subprocess.Popen:
    command = [*COMMAND, "--method", "linear_probe", "--epochs", "6", "--seeds", "1", "--root", smoke, "--out", out]
    return subprocess.Popen(
        [sys.executable, *map(str, command), "--trials", str(trials), "--jobs", "1"], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_two_commands_share_a_study_and_outlive_a_kill(smoke: Path, tmp_path: Path) -> None:
    """One of two commands is killed in the middle of a trial; the other takes that up and finishes alone."""
    out = tmp_path / "out"
    killed, other = start(smoke, out, 5), start(smoke, out, 5)
    deadline_s = time.monotonic() + 600
    while len(list(out.glob("trials/work/*/last_checkpoint"))) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    said, _ = other.communicate(timeout=1800)
    assert other.returncode == 0, said
    trials = trials_of(out)
    states = Counter(trial.state.name for trial in trials)
    assert states["COMPLETE"] + states["PRUNED"] == 5 and states["RUNNING"] == states["WAITING"] == 0
    lost = [trial for trial in trials if trial.state.name == "FAIL"]
    assert len(lost) == 1 and "failure" not in lost[0].user_attrs
    (again,) = [trial for trial in trials if trial.user_attrs.get("again") == lost[0].number]
    assert again.user_attrs["cell_ids"] == lost[0].user_attrs["cell_ids"] and again.params == lost[0].params
    ran = [cell_id for trial in trials if trial.state.name != "FAIL" for cell_id in trial.user_attrs["cell_ids"]]
    assert sorted(ran) == sorted(Ledger(out / "trials" / "ledger").records()) and len(set(ran)) == 5
    log = out / "trials" / "work" / again.user_attrs["cell_ids"][0] / "log.txt"
    assert "resumed epoch: " in log.read_text()
