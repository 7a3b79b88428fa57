import dataclasses
import json

import made
import numpy as np
import pytest
from msgspec import structs
from scipy import stats

from fgsgl.records.ledger import load
from fgsgl.records.record import SkippedClip
from fgsgl.report.board.board import COLUMNS, read_board
from fgsgl.stats.clusters import bootstrap_interval
from fgsgl.util.errors import UserError


def row(table, label):
    found = table[table["label"] == label]
    assert len(found) == 1
    return found.iloc[0]


def rewrite(ledger, record, **changes):
    structs.replace(record, **changes).write(ledger.folder / "ledger")


def test_numbers_are_means_over_seeds_with_t_intervals(ledger):
    ledger.fill(seeds=4)
    board = read_board(ledger.folder)
    assert tuple(board.table.columns) == COLUMNS

    def top1(method, variant):
        """From the prediction files, by another way than the record's."""
        values = []
        for record in sorted(load(ledger.folder), key=lambda record: record.seed):
            if (record.method, record.variant) == (method, variant):
                with np.load(ledger.folder / "ledger" / f"{record.cell_id}.npz") as file:
                    values.append(np.mean(file["score_combined"].argmax(axis=1) == file["labels"]))
        return np.array(values)

    full, bare = top1("fgsgl", "full"), top1("fgsgl", "-fgsa")
    assert len(full) == 4
    reference, variant = row(board.table, "FG-SGL"), row(board.table, "FG-SGL -fgsa")
    assert reference["top1"] == pytest.approx(full.mean())
    expected = stats.t.interval(0.95, 3, loc=full.mean(), scale=stats.sem(full))
    assert (reference["top1_ci_low"], reference["top1_ci_high"]) == pytest.approx(expected)
    assert variant["diff_top1"] == pytest.approx(100 * (bare - full).mean())
    interval = stats.ttest_rel(100 * bare, 100 * full).confidence_interval(0.95)
    assert (variant["diff_ci_low"], variant["diff_ci_high"]) == pytest.approx(tuple(interval))
    assert np.isnan(reference["diff_top1"]) and np.isnan(row(board.table, "Majority class")["diff_top1"])
    assert reference["params_m"] == 4.2 and reference["train_s"] == 61.5
    assert 0 < reference["fine_top1"] < reference["category_top1"] < reference["top1"]
    assert np.isnan(row(board.table, "TSM")["fine_top1"])


@pytest.mark.filterwarnings("error::DeprecationWarning", "error::FutureWarning")  # pandas' of what will change
def test_a_text_that_no_row_has_is_empty_and_not_a_number(ledger):
    ledger.add("tsm", 1.6)
    ledger.add("majority", 0.0, kind="floor")
    table = read_board(ledger.folder).table
    assert set(table["diff_over"]) == set(table["diff_note"]) == {""}


def test_methods_stand_by_accuracy_and_the_floor_at_the_foot(ledger):
    ledger.fill(seeds=1)
    table = read_board(ledger.folder).table
    assert list(table["kind"]) == ["method"] * 4 + ["ceiling", "floor"]
    assert table["top1"][:4].is_monotonic_decreasing
    assert row(table, "Majority class")["top1"] == row(table, "Majority class")["floor"] == 15 / 240


@pytest.mark.parametrize(
    "n_clips, split, says", [(239, None, "scored 239 of the split's 240 clips"), (240, "00", "are not the split's")]
)
def test_a_row_that_did_not_score_its_split_is_refused(ledger, n_clips, split, says):
    ledger.fill(seeds=2)
    record = ledger.add("tsm", 1.6, seed=1)
    whole = structs.replace(record.data, split_sha256=split or record.data.split_sha256)
    part = dataclasses.replace(ledger, n_clips=n_clips)
    part.add("tsm", 1.6, seed=1, data=whole)
    refused = row(read_board(ledger.folder).table, "TSM")
    assert refused["status"].startswith("refused: ") and says in refused["status"] and "seed 1" in refused["status"]
    assert refused[["top1", "top5", "macro_f1", "diff_top1"]].isna().all() and refused["n_seeds"] == 0


def test_seeds_that_do_not_belong_together_are_refused(ledger):
    ledger.fill(seeds=2)
    ledger.add("tsm", 1.6, seed=1, pretraining="none")
    ledger.written.clear()
    ledger.add("fgsgl", 2.0, "-fgsa", 0, config=made.config("FG-SGL", settings={"variant": "-fgsa", "other": 1}))
    table = read_board(ledger.folder).table
    assert "differ in their pretraining" in row(table, "TSM")["status"]
    assert "seed 0 was measured with 2 different settings" in row(table, "FG-SGL -fgsa")["status"]


RECIPE = {"lr": 0.5, "source": "a test"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"config": made.config("TSM", settings={"variant": "full", "dropout": 0.5})}, "dropout: 0.5, None"),
        ({"config": made.config("TSM", settings={"variant": "full"}, recipe=RECIPE)}, "recipe.lr: "),
        ({"text": "ab12"}, "text: ab12, none"),
    ],
    ids=["setting", "recipe", "text"],
)
def test_seeds_of_different_settings_are_not_averaged(ledger, changes, says):
    ledger.fill(seeds=2)
    ledger.add("tsm", 1.6, seed=2, **changes)
    status = row(read_board(ledger.folder).table, "TSM")["status"]
    assert status.startswith("refused: its seeds were measured with different settings") and says in status


def test_the_board_says_whose_settings_could_not_be_checked(ledger):
    for method, kind in (("fgsgl", "method"), ("tsm", "method"), ("majority", "floor")):
        ledger.add(method, 1.6, kind=kind)
    assert not any("Not checked" in note for note in read_board(ledger.folder).notes)
    ledger.add("unheard_of", 1.6, name="Unheard of")
    (said,) = (note for note in read_board(ledger.folder).notes if "Not checked" in note)
    assert "the records of Unheard of are of the settings" in said


def test_different_seed_sets_are_not_compared(ledger):
    ledger.fill(seeds=3)
    ledger.add_failed("tsm", "full", 2, "nan")
    ledger.add("fgsgl", 2.0, "-fgsa", 3)
    board = read_board(ledger.folder)
    assert row(board.table, "TSM")["status"] == "2 done, 1 failed: nan"
    assert np.isnan(row(board.table, "TSM")["diff_top1"]) and np.isnan(row(board.table, "FG-SGL -fgsa")["diff_top1"])
    assert "TSM: not compared: seed 2 is missing here." in board.notes
    assert "FG-SGL -fgsa: not compared: the reference lacks seed 3." in board.notes
    assert np.isfinite(row(board.table, "FG-SGL text=shuffled")["diff_top1"])


@pytest.mark.parametrize("seeds", [1, 3])
def test_rows_that_scored_other_clips_are_not_compared(ledger, seeds):
    ledger.fill(seeds=seeds)
    ledger.n_clips = 228
    for seed in range(seeds):
        ledger.add("tsn", 1.6, seed=seed)
    board = read_board(ledger.folder)
    assert np.isnan(row(board.table, "tsn")["diff_top1"]) and row(board.table, "tsn")["tied"] == ""
    assert "tsn: not compared: other data than the reference's." in board.notes


def test_what_was_not_trained_is_compared_with_every_seed(ledger):
    ledger.fill(seeds=3)
    record = ledger.add("zero_shot", 1.0, config=made.config("Zero-shot", recipe=None), trainable_params=0)
    board = read_board(ledger.folder)
    references = [cell.metrics.top1 for cell in load(ledger.folder) if (cell.method, cell.variant) == ("fgsgl", "full")]
    shown = row(board.table, "Zero-shot")
    assert shown["diff_top1"] == pytest.approx(100 * (record.metrics.top1 - np.mean(references)))
    assert np.isfinite(shown["diff_ci_low"]) and len(references) == 3
    assert not any("n = 1 " in sentence for sentence in board.notes)


def test_rows_of_another_protocol_are_told_apart_and_not_compared(ledger):
    ledger.fill(seeds=1)
    other = ledger.add("tsm", 1.9, protocol=ledger.protocol(epochs=13)).protocol_hash
    board = read_board(ledger.folder)
    assert np.isnan(row(board.table, f"TSM @{other[:6]}")["diff_top1"])
    assert np.isfinite(row(board.table, f"TSM @{ledger.protocol().hash()[:6]}")["diff_top1"])
    assert any("different protocols" in sentence for sentence in board.notes)


def test_planned_and_failed_cells_appear_with_their_counts(ledger):
    ledger.fill(seeds=1)
    done = ledger.add("tsm", 1.6)
    ledger.add_failed("fgsgl", "-cpa", 0, "out_of_memory")
    cells = [{"cell_id": done.cell_id, "method": "tsm", "variant": "full", "seed": 0}]
    cells += [{"cell_id": f"c{seed}", "method": "tsm", "variant": "full", "seed": seed} for seed in (1, 2)]
    cells += [{"cell_id": "d0", "method": "tsn", "variant": "full", "seed": 0}]
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": cells}))
    table = read_board(ledger.folder).table
    assert row(table, "TSM")["status"] == "1 done, 2 planned"
    assert row(table, "FG-SGL -cpa")["status"] == "1 failed: out_of_memory"
    assert row(table, "tsn")["status"] == "1 planned" and np.isnan(row(table, "tsn")["top1"])
    assert row(table, "TSM")["n_planned"] == 2


def test_failures_are_counted_by_class(ledger):
    ledger.fill(seeds=1)
    for seed, failure in ((1, "nan"), (2, "killed"), (3, "nan")):
        ledger.add_failed("tsm", "full", seed, failure)
    board = read_board(ledger.folder)
    shown = row(board.table, "TSM")
    assert shown["status"] == "1 done, 3 failed: 1 killed, 2 nan"
    assert (shown["n_failed"], shown["failures"]) == (3, "1 killed, 2 nan")
    assert "9 cells: 6 done, 3 failed (1 killed, 2 nan)." in board.notes


def test_a_single_run_has_an_interval_over_its_subjects(ledger):
    ledger.fill(seeds=2)
    board = read_board(ledger.folder)
    oracle, full = row(board.table, "Motion oracle (true joints)"), row(board.table, "FG-SGL")
    assert (full["interval_over"], oracle["interval_over"]) == ("seeds", "subjects")
    (record,) = (record for record in load(ledger.folder) if record.method == "oracle")
    with np.load(ledger.folder / "ledger" / f"{record.cell_id}.npz") as file:
        right_N = file["score_combined"].argmax(axis=1) == file["labels"]
        expected = bootstrap_interval(right_N.astype(float), file["subjects"])
    assert (oracle["top1_ci_low"], oracle["top1_ci_high"]) == expected
    assert oracle["n_subjects"] == 12 and oracle["top1_ci_low"] < oracle["top1"] < oracle["top1_ci_high"]
    assert any("clips of a subject drawn together" in sentence for sentence in board.notes)

    (ledger.folder / "ledger" / f"{record.cell_id}.npz").unlink()
    refused = row(read_board(ledger.folder).table, oracle["label"])
    assert np.isnan(refused["top1"]) and "no predictions lie beside its record" in refused["status"]
    assert f"(seed 0, cell {record.cell_id})" in refused["status"]


def test_predictions_that_are_not_the_records_are_refused(ledger):
    ledger.fill(seeds=1)
    one, other = (record.cell_id for record in load(ledger.folder) if record.kind != "method")
    (ledger.folder / "ledger" / f"{one}.npz").write_bytes((ledger.folder / "ledger" / f"{other}.npz").read_bytes())
    with pytest.raises(UserError, match=f"cell {one} .* not those that its record names"):
        read_board(ledger.folder)


def test_the_note_says_what_the_numbers_are_over(ledger):
    ledger.fill(seeds=5)
    text = "\n".join(read_board(ledger.folder).notes)
    for part in (
        "Synthetic data",
        "240 clips of 12 subjects",
        "16 of 17 classes",
        "(n = 5)",
        "Largest test class: 6.2 % of the clips",
        "does not cover the choice of test subjects",
        "with n = 5 seeds the smallest p is 0.062; 6 are the fewest that can go below 0.05",
        "none was declared primary before it ran",
    ):
        assert part in text
    ledger.fill(seeds=6)
    assert "the fewest that can" not in "\n".join(read_board(ledger.folder).notes)


def test_skipped_clips_are_counted(ledger):
    ledger.fill(seeds=1)
    record = ledger.add("tsm", 1.6)
    skipped = [SkippedClip(clip_id="s00_c000", split="train", reason="truncated")]
    rewrite(ledger, record, data=structs.replace(record.data, skipped=skipped))
    board = read_board(ledger.folder)
    assert row(board.table, "TSM")["skipped"] == 1
    assert any(sentence.startswith("1 clip(s) were skipped") for sentence in board.notes)
