"""The whole way as a user goes it: run, look, run again, reproduce."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock
from msgspec import structs
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from whole_cells import CELL, RUN, records, run_cell

from fgsgl.data import datasets
from fgsgl.data.clip_table import read_clips
from fgsgl.data.data_spec import DataSpec
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import read_predictions, write_predictions
from fgsgl.text.fgtext import fingerprint
from fgsgl.training.cell_metrics import metrics_of
from fgsgl.training.cell_spec import LOCK
from fgsgl.training.record_check import check_records


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
    assert trained["curve"][-1]["loss_category"] < 0.85 * trained["curve"][0]["loss_category"]


def test_what_is_not_trained_runs_once_and_trains_nothing(board: Path, smoke: Path, call) -> None:
    found = records(board)
    zero_shot, probe = found["zero_shot_descriptions"], found["linear_probe"]
    assert zero_shot["trainable_params"] == 0 and zero_shot["curve"] == [] and "train" not in zero_shot["times_s"]
    assert probe["trainable_params"] == 2 * 128 + 26 * 129 and len(probe["curve"]) == 2
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
    kept = {path.name.split(".")[0] for path in (board / "ledger").glob("*.saliency.npz")}
    assert kept == {record["cell_id"] for record in found.values() if record["localisation"]}
    drawn = {path.name for path in (board / "figures").iterdir()}
    assert {"localisation.png", *(f"attention-{n}.png" for n in (1, 2, 3))} <= drawn
    assert "Linear probe | gradient saliency" in (board / "localisation.md").read_text()


def test_records_say_what_a_reader_must_know(board: Path) -> None:
    record = records(board)["fgsgl"]
    assert [row["epoch"] for row in record["curve"]] == [1, 2]
    assert all(0 <= row["val_top1"] <= 1 and row["train_s"] > 0 for row in record["curve"])
    assert 0 < record["curve"][0]["loss_fine_part"] < record["curve"][1]["loss_fine_part"]  # coarse to fine
    assert set(record["metrics"]["by_score"]) == {"category", "fine"}
    assert 0 < record["trainable_params"] < record["params"]
    assert record["pretraining"].startswith("synmg-tiny@")
    assert {"beta", "category_temperature", "fine_temperature"} <= set(record["selection"])
    assert record["environment"]["torch"] and record["hardware"]["cpu"] and record["peak_memory_mib"] > 100
    assert record["test_openings"] == 1


def test_a_skeleton_method_trains_and_says_what_its_joints_are(board: Path) -> None:
    record = records(board)["stgcnpp"]
    assert [row["epoch"] for row in record["curve"]] == [1, 2] and record["localisation"] is None
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
    words = (*RUN, "--root", smoke, "--out", board, "--methods", "fgsgl", "tsn", "--epochs", "2")
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
    ledger = Ledger(tmp_path / "copy" / "ledger")
    sha256, metrics = (
        write_predictions(ledger.folder, cell_id, predictions),
        metrics_of(predictions, datasets.get("synmg")),
    )
    structs.replace(ledger.done()[cell_id], predictions_sha256=sha256, metrics=metrics).write(ledger.folder)
    root = json.loads((board / "work" / cell_id / "spec.json").read_text())["root"]
    said = call("-m", "fgsgl", "repro", tmp_path / "copy", cell_id[:8], "--root", root, expect=1).stdout
    assert "not identical (on the same machine, device, code and versions); 5 of 52 clips changed" in said
    (kept,) = scratch.glob("fgsgl-repro-*")
    assert str(kept) in said and (kept / "ledger" / f"{cell_id}.json").is_file()


def test_the_weights_of_the_last_epoch_stay(board: Path) -> None:
    found = records(board)
    for method, left in (("fgsgl", ["epoch_2.pth"]), ("tsn", ["epoch_2.pth"]), ("zero_shot_descriptions", [])):
        work = board / "work" / found[method]["cell_id"]
        assert [path.name for path in work.glob("*.pth")] == left and not (work / "last_checkpoint").exists()
        for name in left:
            kept = torch.load(work / name, weights_only=True)
            assert "optimizer" not in kept and kept["meta"]["epoch"] == 2


def test_what_is_learned_is_logged_for_tensorboard_and_as_a_table(board: Path) -> None:
    record = records(board)["tsn"]
    work = board / "work" / record["cell_id"]
    table = pd.read_csv(work / "curve.csv")
    assert table.to_dict("records") == [pytest.approx(row) for row in record["curve"]]
    assert (table["clips_per_s"] * table["train_s"]).round().tolist() == [74] * 2
    (events,) = work.glob("*/vis_data/events*")
    logged = EventAccumulator(str(events)).Reload()
    names = logged.Tags()["scalars"]
    assert {"epoch/loss", "epoch/val_top1", "epoch/lr", "epoch/clips_per_s", "epoch/memory_mib"} <= set(names)
    losses = [(event.step, event.value) for event in logged.Scalars("epoch/loss")]
    assert losses == [(row["epoch"], pytest.approx(row["loss"])) for row in record["curve"]]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["stgcnpp", "fgsgl", "tsn"])
def test_a_forked_cell_computes_what_a_fresh_process_computes(board: Path, tmp_path: Path, method: str, call) -> None:
    forked, fresh = records(board)[method], run_cell(board, method, tmp_path, call, CELL)
    assert forked["predictions_sha256"] == fresh["predictions_sha256"]
    losses = [[row["loss"] for row in record["curve"]] for record in (forked, fresh)]
    assert losses[0] == losses[1] and len(losses[0]) == 2


@pytest.mark.slow
def test_a_cell_times_nothing_while_another_cell_of_the_board_runs(board: Path, tmp_path: Path, call) -> None:
    def cost(folder: Path) -> dict:
        return run_cell(board, "zero_shot_descriptions", folder, call, CELL)["cost"]

    alone = cost(tmp_path / "alone")
    assert alone["measured_alone"] and alone["latency_ms"] > 0 and alone["clips_per_s"] > 0
    other = tmp_path / "beside" / "other"
    other.mkdir(parents=True)
    with FileLock(other / LOCK):
        assert cost(tmp_path / "beside") == {"gflops": alone["gflops"], "measured_alone": False}
