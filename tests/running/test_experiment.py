"""The whole way as a user goes it: run, run again, interrupt, resume, kill, and bad input."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fgsgl.data.clip_table import read_clips
from fgsgl.data.data_spec import DataSpec
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import read_predictions, write_predictions
from fgsgl.text.fgtext import fingerprint
from fgsgl.training.cell_spec import LOCK
from fgsgl.training.record_check import check_records

CELL = ("-m", "fgsgl.training.run_cell")
RUN = ("-m", "fgsgl", "run", "--preset", "smoke", "--batch-size", "8", "--device", "cpu")


def records(out: Path) -> dict[str, dict]:
    return {row["method"]: row for row in (json.loads(path.read_text()) for path in (out / "ledger").glob("*.json"))}


@pytest.fixture
def with_bounds(board: Path, tmp_path: Path) -> Path:
    """A folder for a board of 3 epochs whose floors and ceilings are done."""
    out = tmp_path / "out"
    (out / "ledger").mkdir(parents=True)
    for record in records(board).values():
        if record["kind"] != "method":
            for path in (board / "ledger").glob(f"{record['cell_id']}.*"):
                shutil.copy(path, out / "ledger")
    return out


def run_cell(board: Path, method: str, folder: Path, call, program: tuple[str, ...], **protocol) -> dict:
    """The record of the board's cell of a method, run again below ``folder`` under a protocol with some changes."""
    spec = json.loads((board / "work" / records(board)[method]["cell_id"] / "spec.json").read_text())
    own = {"protocol": spec["protocol"] | protocol, "ledger": str(folder / "ledger"), "work_dir": str(folder / "work")}
    (folder / "work").mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec | own))
    call(*program, folder / "spec.json")
    return records(folder)[method]


def test_every_clip_of_the_test_split_is_scored_once(board: Path, smoke: Path) -> None:
    test_ids = sorted(clip.clip_id for clip in read_clips(smoke / "clips.csv") if clip.split == "test")
    for record in records(board).values():
        predictions = read_predictions(board / "ledger", record["cell_id"])
        assert sorted(predictions.clip_ids) == test_ids
        for scores_NC in predictions.scores.values():
            assert np.allclose(scores_NC.sum(1), 1, atol=1e-4)


def test_records_follow_from_their_predictions_and_name_their_text(board: Path) -> None:
    ledger = Ledger(board / "ledger")
    checked = check_records(ledger.folder, ledger.records().values())
    assert not checked.without_predictions and not checked.unknown_ids
    texts = {record.method: record.text for record in ledger.records().values()}
    assert texts["fgsgl"] == texts["zero_shot_descriptions"] == fingerprint("synmg")
    assert texts["tsn"] == texts["linear_probe"] == texts["majority"] == "none"
    assert all(r.cost.measured_alone is not None for r in ledger.done().values() if r.kind == "method")


def test_a_tiny_training_beats_chance_clearly(board: Path) -> None:
    assert records(board)["majority"]["metrics"]["top1"] == pytest.approx(1 / 26)
    trained = records(board)["fgsgl"]
    assert trained["metrics"]["top1"] >= 6 / 26
    assert trained["curve"][-1]["loss_category"] < 0.7 * trained["curve"][0]["loss_category"]


def test_what_is_not_trained_runs_once_and_trains_nothing(board: Path, smoke: Path, call) -> None:
    found = records(board)
    zero_shot, probe = found["zero_shot_descriptions"], found["linear_probe"]
    assert zero_shot["trainable_params"] == 0 and zero_shot["curve"] == [] and "train" not in zero_shot["times_s"]
    assert probe["trainable_params"] == 2 * 128 + 26 * 129 and len(probe["curve"]) == 3
    methods = ("tsn", "majority", "zero_shot_descriptions", "zero_shot_names")
    shown = call(*RUN, "--root", smoke, "--methods", *methods, "--seeds", "3", "--dry-run").stdout
    rows = {cells[0]: cells for line in shown.splitlines() if (cells := re.split(r"\s{2,}", line.strip()))}
    assert [rows[name][1] for name in ("TSN", "Majority class", "Zero-shot, class names")] == ["0-2", "0", "0"]
    assert "Oracle (true joints, motion)" in rows
    without = call(*RUN, "--root", smoke, "--methods", "tsn", "--no-ceilings", "--dry-run").stdout
    assert "Oracle" not in without and "Majority class" in without


def test_where_recognizers_look_is_held_against_the_true_mask(board: Path) -> None:
    found = records(board)
    measured, probe = found["fgsgl"]["localisation"], found["linear_probe"]["localisation"]
    names, blind = {"part", "onset", "trajectory", "outcome"}, {"even", "centre", "prior"}
    assert measured["n_clips"] == 52 and set(measured["energy"]) == set(measured["pointing"])
    assert set(measured["energy"]) == names | blind | {"saliency"} and set(probe["energy"]) == blind | {"saliency"}
    assert all(0 < measured["energy"][name] < measured["pointing"][name] <= 1 for name in blind)
    assert measured["energy"]["prior"] > measured["energy"]["centre"] > measured["energy"]["even"]
    for record in (found[name]["localisation"] for name in ("fgsgl", "linear_probe", "zero_shot_descriptions")):
        assert record["clips_sha256"] == measured["clips_sha256"]
        assert {name: record["energy"][name] for name in blind} == {name: measured["energy"][name] for name in blind}
        assert record["energy"]["saliency"] > 2 * record["energy"]["even"], "the tower reads the hands"
    assert all(found[method]["localisation"] is None for method in ("tsn", "stgcnpp", "majority"))
    assert set(measured["readout"]) == {"local", "video"} and probe["readout"] is None
    ends = measured["readout"]["video"]["outcome"]
    assert ends["r1"] > 1.5 * ends["largest"], "a tower of still pictures knows where hands are"
    drawn = {path.name for path in (board / "figures").iterdir()}
    assert {"localisation.png", *(f"attention-{n}.png" for n in (1, 2, 3))} <= drawn
    assert "Linear probe | gradient saliency" in (board / "localisation.md").read_text()


def test_records_say_what_a_reader_must_know(board: Path) -> None:
    record = records(board)["fgsgl"]
    assert [row["epoch"] for row in record["curve"]] == [1, 2, 3]
    assert all(0 <= row["val_top1"] <= 1 and row["train_s"] > 0 for row in record["curve"])
    assert 0 < record["curve"][0]["loss_fine_part"] < record["curve"][2]["loss_fine_part"]  # coarse to fine
    assert set(record["metrics"]["by_score"]) == {"category", "fine"}
    assert 0 < record["trainable_params"] < record["params"]
    assert record["pretraining"].startswith("synmg-tiny@")
    assert {"beta", "category_temperature", "fine_temperature"} <= set(record["selection"])
    assert record["environment"]["torch"] and record["hardware"]["cpu"] and record["peak_memory_mib"] > 100
    assert record["test_openings"] == 1


def test_a_skeleton_method_trains_and_says_what_its_joints_are(board: Path) -> None:
    record = records(board)["stgcnpp"]
    assert [row["epoch"] for row in record["curve"]] == [1, 2, 3] and record["localisation"] is None
    assert record["cost"]["gflops"] > 0 and record["params"] == record["trainable_params"]
    version, caveat = record["data"]["caveats"]
    assert version.startswith("The data are SynMG 2") and caveat.startswith("Skeletons of SynMG are its true joints")
    assert all(sentence in (board / "leaderboard.md").read_text() for sentence in (version, caveat))
    assert records(board)["tsn"]["data"]["caveats"] == [version]


def test_the_board_is_complete(board: Path) -> None:
    table = pd.read_csv(board / "leaderboard.csv")
    asked = {"fgsgl", "tsn", "linear_probe", "zero_shot_descriptions", "stgcnpp"}
    bounds = {"majority", "oracle_generous", "oracle_motion", "oracle_static", "stratified_random"}
    assert set(table["method"]) == asked | bounds
    assert table["fine_pairs_pct"].between(0, 100).all()
    assert table.set_index("method")["fine_pairs_pct"]["majority"] == 50
    assert (table["status"] == "1 done").all()
    assert (table["n_clips"] == table["n_clips"].iloc[0]).all()
    assert len(list((board / "figures").glob("*.png"))) >= 4
    page = (board / "leaderboard.html").read_text()
    assert "<script src" not in page and "http://" not in page.replace("http://www.w3.org", "")


def test_a_finished_cell_is_never_run_again(board: Path, smoke: Path, call) -> None:
    before = {path: path.stat().st_mtime_ns for path in (board / "ledger").iterdir()}
    words = (*RUN, "--root", smoke, "--out", board, "--methods", "fgsgl", "tsn", "--epochs", "3")
    answer = call(*words)
    assert "7 cells, 7 already done" in answer.stdout
    assert {path: path.stat().st_mtime_ns for path in (board / "ledger").iterdir()} == before
    dry = call(*words, "--seeds", "2", "--dry-run").stdout
    assert dry.count("1 done") == 7 and dry.count("1 to do") == 2 and "2 cells to run, about" in dry


def test_a_dry_run_renders_and_decodes_nothing(smoke: Path, tmp_path: Path, call) -> None:
    words = ("--methods", "tsn", "stgcnpp", "--dry-run")
    bare = call(*RUN, *words).stdout
    n_clips = len(read_clips(smoke / "clips.csv"))
    assert f"{n_clips} of {n_clips} videos to be rendered at data/synmg/smoke-seed0" in bare
    assert f"{n_clips} of {n_clips} clips to be decoded" in bare
    assert list(tmp_path.iterdir()) == []
    shutil.copytree(smoke, tmp_path / "made")
    before = sorted((tmp_path / "made").rglob("*"))
    made = call(*RUN, "--root", "made", *words).stdout
    assert "to be rendered" not in made and sorted((tmp_path / "made").rglob("*")) == before
    rows = [text[text.index("row ") :] for text in (bare, made)]
    assert rows[0] == rows[1] and rows[0].count("1 to do") == 7
    spec = DataSpec(dataset="synmg", preset="smoke", root=tmp_path / "nothing")
    there = dataclasses.replace(spec, root=tmp_path / "made")
    assert spec.planned().fingerprint() == there.planned().fingerprint(), "cells have the same ids before and after"


@pytest.mark.slow
def test_a_cell_is_reproduced_bit_for_bit_from_its_record(board: Path, tmp_path: Path, call, monkeypatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    before = {path: path.stat().st_mtime_ns for path in (board / "ledger").iterdir()}
    said = call("-m", "fgsgl", "repro", board, "FG-SGL").stdout
    assert f"cell {records(board)['fgsgl']['cell_id']}, seed 0: identical: every score of every test clip" in said
    assert {path: path.stat().st_mtime_ns for path in (board / "ledger").iterdir()} == before
    assert list(scratch.glob("fgsgl-repro-*")) == []

    # Where a record holds other answers it is not reproduced, and what was found instead is kept.
    shutil.copytree(board / "ledger", tmp_path / "copy" / "ledger")
    cell_id = records(board)["majority"]["cell_id"]
    predictions = read_predictions(board / "ledger", cell_id)
    predictions.scores["combined"][:5] = np.roll(predictions.scores["combined"][:5], 1, axis=1)
    write_predictions(tmp_path / "copy" / "ledger", cell_id, predictions)
    root = json.loads((board / "work" / cell_id / "spec.json").read_text())["root"]
    said = call("-m", "fgsgl", "repro", tmp_path / "copy", cell_id[:8], "--root", root, expect=1).stdout
    assert "not identical (on the same machine, device, code and versions); 5 of 52 clips changed" in said
    (kept,) = scratch.glob("fgsgl-repro-*")
    assert str(kept) in said and (kept / "ledger" / f"{cell_id}.json").is_file()


def start(smoke: Path, out: Path, epochs: int) -> subprocess.Popen:
    command = [*RUN, "--root", smoke, "--out", out, "--methods", "fgsgl", "--epochs", str(epochs)]
    return subprocess.Popen(
        [sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell in the background ignores Ctrl-C
    )  # fmt: skip


def wait_for_epoch(out: Path, process: subprocess.Popen, epoch: int) -> Path:
    """The work folder of FG-SGL's cell, once it has saved that epoch and is in the next."""
    deadline_s = time.monotonic() + 240
    while time.monotonic() < deadline_s and process.poll() is None:
        for marker in out.glob("work/*/last_checkpoint"):
            if f"epoch_{epoch}.pth" in marker.read_text():
                return marker.parent
        time.sleep(0.05)
    raise AssertionError(f"epoch {epoch} was never saved: {process.communicate()}")


@pytest.mark.slow
def test_ctrl_c_and_a_killed_cell_resume_to_the_very_same_result(board: Path, smoke: Path, with_bounds: Path) -> None:
    out = with_bounds
    process = start(smoke, out, 3)
    work = wait_for_epoch(out, process, 1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.strip().splitlines()[-1].startswith("interrupted; finished work is kept")
    assert "fgsgl" not in records(out)
    assert not list(out.rglob("*.tmp"))

    process = start(smoke, out, 3)
    wait_for_epoch(out, process, 2)
    pid = subprocess.run(["pgrep", "-f", f"run_cell {work}"], capture_output=True, text=True).stdout.split()[0]
    os.kill(int(pid), signal.SIGKILL)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0 and "killed: by signal 9" in said
    resumed, whole = records(out)["fgsgl"], records(board)["fgsgl"]
    assert (resumed["attempts"], whole["attempts"]) == (2, 1)
    assert "resumed epoch: 2" in (work / "log.txt").read_text()
    assert resumed["cell_id"] == whole["cell_id"]
    assert resumed["predictions_sha256"] == whole["predictions_sha256"]
    assert [row["loss"] for row in resumed["curve"]] == [row["loss"] for row in whole["curve"]]


def test_the_weights_of_the_last_epoch_stay(board: Path) -> None:
    found = records(board)
    for method, left in (("fgsgl", ["epoch_3.pth"]), ("tsn", ["epoch_3.pth"]), ("zero_shot_descriptions", [])):
        work = board / "work" / found[method]["cell_id"]
        assert [path.name for path in work.glob("*.pth")] == left and not (work / "last_checkpoint").exists()
        for name in left:
            kept = torch.load(work / name, weights_only=True)
            assert "optimizer" not in kept and kept["meta"]["epoch"] == 3


def test_what_is_learned_is_logged_for_tensorboard_and_as_a_table(board: Path) -> None:
    record = records(board)["tsn"]
    work = board / "work" / record["cell_id"]
    table = pd.read_csv(work / "curve.csv")
    assert table.to_dict("records") == [pytest.approx(row) for row in record["curve"]]
    assert (table["clips_per_s"] * table["train_s"]).round().tolist() == [74] * 3
    (events,) = work.glob("*/vis_data/events*")
    logged = EventAccumulator(str(events)).Reload()
    names = logged.Tags()["scalars"]
    assert {"epoch/loss", "epoch/val_top1", "epoch/lr", "epoch/clips_per_s", "epoch/memory_mib"} <= set(names)
    losses = [(event.step, event.value) for event in logged.Scalars("epoch/loss")]
    assert losses == [(row["epoch"], pytest.approx(row["loss"])) for row in record["curve"]]


@pytest.mark.parametrize("method", ["stgcnpp", *(pytest.param(m, marks=pytest.mark.slow) for m in ("fgsgl", "tsn"))])
def test_a_forked_cell_computes_what_a_fresh_process_computes(board: Path, tmp_path: Path, method: str, call) -> None:
    forked, fresh = records(board)[method], run_cell(board, method, tmp_path, call, CELL)
    assert forked["predictions_sha256"] == fresh["predictions_sha256"]
    losses = [[row["loss"] for row in record["curve"]] for record in (forked, fresh)]
    assert losses[0] == losses[1] and len(losses[0]) == 3


def test_a_cell_times_nothing_while_another_cell_of_the_board_runs(board: Path, tmp_path: Path, call) -> None:
    def cost(folder: Path) -> dict:
        return run_cell(board, "zero_shot_descriptions", folder, call, CELL)["cost"]

    alone = cost(tmp_path / "alone")
    assert alone["measured_alone"] and alone["latency_ms"] > 0 and alone["clips_per_s"] > 0
    other = tmp_path / "beside" / "other"
    other.mkdir(parents=True)
    with FileLock(other / LOCK):
        assert cost(tmp_path / "beside") == {"gflops": alone["gflops"], "measured_alone": False}


UNTIDY = """
import sys
from pathlib import Path
from fgsgl.training import run_cell
run_cell.tidy = lambda *_: None
sys.exit(run_cell.main(Path(sys.argv[1])))
"""
"""A cell that leaves its checkpoints as a killed one does."""


@pytest.mark.slow
def test_an_averaged_and_balanced_training_resumes_to_the_very_same_result(board: Path, tmp_path: Path, call) -> None:
    """As if killed in its second epoch: of two checkpoints the second is taken away, and the cell run again."""

    def run(folder: Path, ema: float) -> dict:
        options = {"epochs": 2, "sampling": "class_balanced", "ema": ema}
        record = run_cell(board, "linear_probe", folder, call, ("-c", UNTIDY), **options)
        (folder / "ledger" / f"{record['cell_id']}.json").unlink()
        return record

    whole, plain = run(tmp_path / "average", 0.5), run(tmp_path / "last", 0.0)
    work = tmp_path / "average" / "work"
    (work / "epoch_2.pth").unlink()
    (work / "last_checkpoint").write_text(str(work / "epoch_1.pth"))
    resumed = run(tmp_path / "average", 0.5)
    assert resumed["times_s"] != whole["times_s"]
    assert resumed["predictions_sha256"] == whole["predictions_sha256"] != plain["predictions_sha256"]
    losses = [[row["loss"] for row in record["curve"]] for record in (resumed, whole, plain)]
    assert losses[0] == losses[1] == losses[2], "what is averaged is not trained with"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("raise SystemExit('no account')", "SystemExit: no account"),
        ("raise ValueError('two\\nlines ' * 999)", "two lines"),
    ],
)
def test_a_logging_service_that_dies_leaves_one_line(
    board: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    (tmp_path / "aim.py").write_text(fault)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    spec = json.loads((board / "work" / records(board)["linear_probe"]["cell_id"] / "spec.json").read_text())
    own = {"ledger": str(tmp_path / "ledger"), "work_dir": str(tmp_path / "work"), "visualizer": "aim"}
    (tmp_path / "work").mkdir()
    (tmp_path / "spec.json").write_text(json.dumps(spec | own))
    call(*CELL, tmp_path / "spec.json", expect=1)
    message = records(tmp_path)["linear_probe"]["failure"]["message"]
    assert told in message and len(message) < 600 and message.isprintable()


@pytest.mark.slow
def test_a_cell_whose_last_checkpoint_lost_a_block_goes_on_from_the_one_before(
    board: Path, tmp_path: Path, call
) -> None:
    def run() -> dict:
        record = run_cell(board, "linear_probe", tmp_path, call, ("-c", UNTIDY), epochs=2)
        (tmp_path / "ledger" / f"{record['cell_id']}.json").unlink()
        return record

    whole, last = run(), tmp_path / "work" / "epoch_2.pth"
    content = bytearray(last.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2**12] = bytes(2**12)
    last.write_bytes(content)
    resumed = run()
    assert whole["unfit_checkpoints"] == []
    (said,) = resumed["unfit_checkpoints"]
    assert said.startswith("epoch_2.pth: ") and said.endswith("; the training went on from epoch_1")
    assert resumed["predictions_sha256"] == whole["predictions_sha256"]
    assert [row["loss"] for row in resumed["curve"]] == [row["loss"] for row in whole["curve"]]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fgsgl", "tsn"])
def test_a_cell_killed_after_its_last_epoch_only_validates_and_tests(
    board: Path, tmp_path: Path, method: str, call
) -> None:
    first = run_cell(board, method, tmp_path, call, ("-c", UNTIDY))
    for path in (tmp_path / "ledger").iterdir():
        path.unlink()
    rows = [json.loads(line) for line in (tmp_path / "work" / "curve.jsonl").read_text().splitlines()]
    del rows[-1]["val_top1"]  # as if killed between the checkpoint of the last epoch and its validation
    (tmp_path / "work" / "curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    second = run_cell(board, method, tmp_path, call, CELL)
    assert [row["train_s"] for row in second["curve"]] == [row["train_s"] for row in first["curve"]]  # not trained anew
    assert second["predictions_sha256"] == first["predictions_sha256"] == records(board)[method]["predictions_sha256"]
    assert [row["loss"] for row in second["curve"]] == [row["loss"] for row in first["curve"]]
    assert all("val_top1" in row for row in second["curve"])


@pytest.mark.slow
def test_a_corrupt_video_is_named_and_skipped_only_on_request(smoke: Path, tmp_path: Path, call) -> None:
    root = tmp_path / "data"
    shutil.copytree(smoke, root)
    victim = next(clip for clip in read_clips(root / "clips.csv") if clip.split == "test")
    video = root / victim.video
    video.write_bytes(video.read_bytes()[:1000])
    words = (*RUN, "--root", root, "--out", tmp_path / "out", "--methods", "majority")
    answer = call(*words, expect=2)
    assert str(video) in answer.stderr.replace("\n", "") and "--skip-bad" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "ledger").exists()

    call(*words, "--skip-bad")
    table = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert set(table["skipped"]) == {1} and set(table["n_clips"]) == {33}
    record = records(tmp_path / "out")["majority"]
    assert [row["clip_id"] for row in record["data"]["skipped"]] == [victim.clip_id]
    assert record["metrics"]["n_clips"] == record["data"]["n_clips"]["test"]


FULL_DISK = """
import resource, sys
from fgsgl.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, resource.RLIM_INFINITY))
sys.exit(main())
"""


@pytest.mark.slow
def test_a_checkpoint_that_finds_no_room_ends_in_one_line(
    board: Path, smoke: Path, with_bounds: Path, tmp_path: Path, call
) -> None:
    """A limit on the size of a file stands for a full disk; records are below it, checkpoints are not."""
    (with_bounds / "ledger" / f"{records(board)['majority']['cell_id']}.json").unlink()
    words = (*RUN[2:], "--root", smoke, "--out", tmp_path / "out", "--methods", "tsn", "--epochs", "3")
    answer = call("-c", FULL_DISK, *words, expect=2)
    assert "File too large" in answer.stderr and len(answer.stderr.strip().splitlines()) == 1, answer.stderr
    failed = records(tmp_path / "out")["tsn"]
    assert failed["failure"]["class"] == "unwritable" and failed["times_s"]["total"] > 0
    assert records(tmp_path / "out")["majority"]["status"] == "done"


def test_a_folder_that_cannot_be_made_is_named(smoke: Path, tmp_path: Path, call) -> None:
    (tmp_path / "file").touch()
    answer = call(*RUN, "--root", smoke, "--out", tmp_path / "file" / "out", "--methods", "majority", expect=2)
    assert answer.stderr.strip() == (
        f"error: {tmp_path / 'file' / 'out'} cannot be the folder of what is written: Not a directory"
    )
