import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fgsgl.records.ledger import load
from fgsgl.report.board.board import read_board
from fgsgl.report.contrast import contrasts
from fgsgl.report.render.tables import csv
from fgsgl.report.report import write_contrasts
from fgsgl.util.errors import UserError


def top1s(ledger, method, variant, protocol_hash, score):
    records = [
        r for r in load(ledger.folder) if (r.method, r.variant, r.protocol_hash) == (method, variant, protocol_hash)
    ]
    records.sort(key=lambda record: record.seed)
    pick = [r.metrics if score == "combined" else r.metrics.by_score[score] for r in records]
    return 100 * np.array([metrics.top1 for metrics in pick])


def test_each_score_is_compared_by_pairs(ledger):
    ledger.fill(seeds=4)
    table = contrasts([ledger.folder])
    row = table[(table["label"] == "FG-SGL text=shuffled") & (table["score"] == "fine")].iloc[0]
    protocol = load(ledger.folder)[0].protocol_hash
    theirs, mine = (top1s(ledger, "fgsgl", name, protocol, "fine") for name in ("full", "text=shuffled"))
    expected = stats.ttest_rel(mine, theirs).confidence_interval()
    assert row["n"] == 4 and row["smallest_p"] == 0.125
    assert row["diff_top1_points"] == pytest.approx(np.mean(mine - theirs))
    assert row["diff_top1_points"] - row["half_width_points"] == pytest.approx(expected.low)
    assert set(table[table["label"] == "TSM"]["score"]) == {"combined"}, "TSM has no levels"
    assert not (table["data_seed"] == "all").any()


def test_data_seeds_are_combined_by_their_means(ledger):
    ledger.fill(seeds=3)
    differences = []
    for data_seed in (1, 2):
        changes = {"protocol": ledger.protocol(data_seed=data_seed)}
        protocol = changes["protocol"].hash()
        ledger.add("majority", 0.0, kind="floor", **changes)
        for seed in range(3):
            ledger.add("fgsgl", 2.0 + 0.1 * data_seed, seed=seed, **changes)
            ledger.add("fgsgl", 1.8, "text=shuffled", seed, **changes)
        names = ("text=shuffled", "full")
        differences.append(np.subtract(*(top1s(ledger, "fgsgl", name, protocol, "combined").mean() for name in names)))
    table = contrasts([ledger.folder])
    shuffled = table[(table["label"] == "FG-SGL text=shuffled") & (table["score"] == "combined")]
    first = shuffled[shuffled["data_seed"] == "0"]["diff_top1_points"].item()
    combined = shuffled[shuffled["data_seed"] == "all"].iloc[0]
    assert combined["n"] == 3 and combined["diff_top1_points"] == pytest.approx(np.mean([first, *differences]))
    assert combined["smallest_p"] == 0.25


def test_data_sets_are_combined_by_stouffers_method(ledger, tmp_path):
    folders = []
    for dataset in ("smg", "imigue"):
        board = dataclasses.replace(ledger, folder=tmp_path / dataset, dataset=dataset)
        board.n_clips = 240 if dataset == "smg" else 360
        board.fill(seeds=7)
        folders.append(board.folder)
    table = contrasts(folders)
    rows = table[(table["label"] == "FG-SGL -fgsa") & (table["score"] == "combined")].set_index("dataset")
    one, other, both = rows.loc["smg"], rows.loc["imigue"], rows.loc["all"]
    assert one["diff_top1_points"] < 0 > other["diff_top1_points"] and one["subjects"] == other["subjects"] == 12
    z = sum(stats.norm.isf(row["p"] / 2) for row in (one, other)) / np.sqrt(2)
    assert both["p"] == pytest.approx(2 * stats.norm.sf(z)) and both["p"] < min(one["p"], other["p"])
    assert both["diff_top1_points"] == pytest.approx((one["diff_top1_points"] + other["diff_top1_points"]) / 2)
    assert (both["n"], both["subjects"]) == (2, 24) and np.isnan(both["half_width_points"])
    write_contrasts(folders)
    text = (folders[0] / "contrasts.md").read_text()
    assert "| all data sets | FG-SGL -fgsa | combined | exploratory | 2 |" in text and "Stouffer" in text


def test_both_files_are_written(ledger):
    ledger.fill(seeds=2)
    ledger.add("tsm", 1.0, seed=0, protocol=ledger.protocol(epochs=13), name="=evil()|x")
    table = write_contrasts([ledger.folder])
    assert len(pd.read_csv(ledger.folder / "contrasts.csv")) == len(table) > 0
    assert "FG-SGL text=shuffled" in (ledger.folder / "contrasts.md").read_text()


def test_rows_whose_seeds_differ_are_not_compared_and_say_why(ledger):
    ledger.fill(seeds=4)
    ledger.add("tsn", 1.0, seed=0)
    ledger.add("tsn", 1.0, seed=5)
    (row,) = write_contrasts([ledger.folder]).query("label == 'tsn'").itertuples()
    assert (
        row.note == "not compared: seed 1 is missing here, seed 2 is missing here, seed 3 is missing here, the "
        "reference lacks seed 5"
    )
    assert row.n == 0 and np.isnan(row.diff_top1_points)
    assert "the reference lacks seed 5" in (ledger.folder / "contrasts.md").read_text()


def test_contrasts_are_judged_over_the_whole_table(ledger):
    ledger.fill(seeds=4)
    table = contrasts([ledger.folder])
    assert table["p_holm"].to_numpy() == pytest.approx(multipletests(table["p_t"], method="holm")[1])
    row = table.iloc[0]
    scale = stats.t.ppf(1 - 0.05 / len(table) / 2, 3) / stats.t.ppf(0.975, 3)
    assert row["sim_half_width_points"] == pytest.approx(row["half_width_points"] * scale)


def test_nothing_to_compare_is_said(ledger):
    ledger.add("majority", 0.0, kind="floor")
    ledger.add("fgsgl", 2.0)
    with pytest.raises(UserError, match="nothing to compare"):
        contrasts([ledger.folder])


def test_a_contrast_has_the_sign_and_the_size_that_the_board_has(ledger):
    ledger.fill(seeds=4)
    write_contrasts([ledger.folder])
    found = pd.read_csv(ledger.folder / "contrasts.csv").query("score == 'combined'").set_index("label")
    ledger.folder.joinpath("leaderboard.csv").write_text(csv(read_board(ledger.folder)))
    rows = pd.read_csv(ledger.folder / "leaderboard.csv").set_index("label")
    for label, row in found.iterrows():
        assert row["diff_top1_points"] == pytest.approx(rows.loc[label, "diff_top1_points"])
        assert row["top1_pct"] == pytest.approx(rows.loc[label, "top1_pct"])
        assert row["reference_top1_pct"] == pytest.approx(rows.loc["FG-SGL", "top1_pct"])
    assert found.loc["TSM", "diff_top1_points"] < -5 and rows.loc["FG-SGL", "top1_pct"] > 20
