import itertools
import json

import numpy as np
import pandas as pd
import pytest
from conftest import PROTOCOL
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fgsgl.records.ledger import load
from fgsgl.report.board.board import read_board
from fgsgl.report.render.tables import MAIN

P_TEXT = next(column.text for column in MAIN if column.heading == "p (Holm)")
ROWS = {"FG-SGL": ("fgsgl", "full"), "FG-SGL -fgsa": ("fgsgl", "-fgsa"), "TSM": ("tsm", "full"),
        "FG-SGL text=shuffled": ("fgsgl", "text=shuffled"), "FG-SGL near": ("fgsgl", "near")}  # fmt: skip


def top1(ledger, label):
    records = sorted(load(ledger.folder), key=lambda record: record.seed)
    return 100 * np.array([r.metrics.top1 for r in records if (r.method, r.variant) == ROWS[label]])


def compared(board):
    return {row.label: row for row in board.table.itertuples() if pd.notna(row.n_pairs)}


def predictions(ledger, method, variant):
    (record,) = (r for r in load(ledger.folder) if (r.method, r.variant) == (method, variant))
    with np.load(ledger.folder / "ledger" / f"{record.cell_id}.npz") as file:
        return file["score_combined"].argmax(axis=1) == file["labels"], file["subjects"]


def test_every_difference_has_its_p_of_the_whole_family_and_its_effect(ledger):
    ledger.fill(seeds=7)
    rows = compared(read_board(ledger.folder))
    assert set(rows) == set(ROWS) - {"FG-SGL", "FG-SGL near"}
    ps = []
    for label, row in rows.items():
        differences = top1(ledger, label) - top1(ledger, "FG-SGL")
        flips = stats.permutation_test((differences,), np.mean, permutation_type="samples").pvalue
        assert row.p == pytest.approx(flips) and row.smallest_p == 2**-6
        found = stats.ttest_1samp(differences, 0)
        ps.append(found.pvalue)
        assert row.p_t == pytest.approx(ps[-1]) and row.contrast == "exploratory"
        assert [row.diff_ci_low, row.diff_ci_high] == pytest.approx(list(found.confidence_interval(0.95)))
        assert [row.sim_low, row.sim_high] == pytest.approx(list(found.confidence_interval(1 - 0.05 / 3)))
        assert row.d_z == pytest.approx(differences.mean() / differences.std(ddof=1))
        assert row.wins == np.mean((differences > 0) + (differences == 0) / 2) and row.wins_low < row.wins_high
        assert (row.n_pairs, row.diff_over, row.family) == (7, "seeds", 3)
    assert [row.p_holm for row in rows.values()] == pytest.approx(multipletests(ps, method="holm")[1])


def declare(ledger, *rows):
    plan = {"cells": [], "primary": [{"protocol_hash": PROTOCOL, "rows": rows}]}
    (ledger.folder / "plan.json").write_text(json.dumps(plan))


def test_primary_contrasts_are_a_family_of_their_own_and_cover_seeds_and_subjects(ledger):
    ledger.fill(seeds=5)
    declare(ledger, ("tsm", "full"), ("fgsgl", "-fgsa"))
    board = read_board(ledger.folder)
    rows = compared(board)
    assert {label: row.contrast for label, row in rows.items()} == {
        "TSM": "primary", "FG-SGL -fgsa": "primary", "FG-SGL text=shuffled": "exploratory"
    }  # fmt: skip
    adjusted = multipletests([rows["TSM"].p_t, rows["FG-SGL -fgsa"].p_t], method="holm")[1] / 0.8
    assert [rows["TSM"].p_holm, rows["FG-SGL -fgsa"].p_holm] == pytest.approx(adjusted.clip(max=1))
    assert rows["FG-SGL text=shuffled"].p_holm == pytest.approx(min(1, rows["FG-SGL text=shuffled"].p_t / 0.2))
    one = rows["TSM"]
    assert one.diff_both_low < one.diff_ci_low < one.diff_ci_high < one.diff_both_high
    reference = next(row for row in board.table.itertuples() if row.label == "FG-SGL")
    assert reference.top1_both_low < reference.top1 < reference.top1_both_high
    text = "\n".join(board.notes)
    assert "the 2 primary contrasts, which the plan declared before they ran, and the 1 exploratory ones" in text
    assert "Differs from FG-SGL, primary contrasts (p at most 0.05): " in text and "TSM" in text
    assert "over seeds and test subjects (crossed)" in text and "the smallest p is 0.062; 6 are the fewest" in text


@pytest.mark.parametrize("lost", ["failed", "planned", "off the board"])
def test_a_declared_family_does_not_shrink(ledger, lost):
    ledger.fill(seeds=4)
    declare(ledger, ("tsm", "full"), ("fgsgl", "-fgsa"), ("tsn", "full"))
    if lost == "failed":
        ledger.add_failed("tsn", "full", 0, "out_of_memory")
    elif lost == "planned":
        plan = json.loads((ledger.folder / "plan.json").read_text())
        plan["cells"] = [{"cell_id": "c", "method": "tsn", "variant": "full", "seed": 0, "protocol_hash": PROTOCOL}]
        (ledger.folder / "plan.json").write_text(json.dumps(plan))
    rows = compared(read_board(ledger.folder))
    p = sorted([rows["TSM"].p_t, rows["FG-SGL -fgsa"].p_t])
    assert rows["TSM"].family == 3
    assert min(rows["TSM"].p_holm, rows["FG-SGL -fgsa"].p_holm) == pytest.approx(min(1, 3 * p[0] / 0.8))


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_there_is_no_verdict(ledger, seeds):
    ledger.fill(seeds=seeds)
    board = read_board(ledger.folder)
    assert {P_TEXT(row) for row in compared(board).values()} == {"–"}
    assert any("verdict" in line and "3 seeds" in line for line in board.notes)


def test_two_single_runs_are_compared_over_subjects(ledger):
    ledger.fill(seeds=1)
    board = read_board(ledger.folder)
    row = compared(board)["TSM"]
    mine_N, subject_N = predictions(ledger, "tsm", "full")
    theirs_N, _ = predictions(ledger, "fgsgl", "full")
    points_N = 100.0 * mine_N - 100.0 * theirs_N
    sum_S = np.array([points_N[subject_N == subject].sum() for subject in np.unique(subject_N)])
    assert (row.diff_over, row.n_pairs, row.smallest_p) == ("subjects", 12, 2**-11)
    assert row.diff_top1 == pytest.approx(points_N.mean())
    assert row.p == pytest.approx(stats.permutation_test((sum_S,), np.sum, permutation_type="samples").pvalue)
    assert row.diff_ci_low < row.diff_top1 < row.diff_ci_high
    mine_only, theirs_only = (mine_N & ~theirs_N).sum(), (theirs_N & ~mine_N).sum()
    assert row.mcnemar_p == pytest.approx(stats.binomtest(mine_only, mine_only + theirs_only).pvalue)
    mean_S = sum_S / 20  # every subject has 20 clips
    assert row.d_z == pytest.approx(mean_S.mean() / mean_S.std(ddof=1))
    assert any("McNemar" in sentence and "ignores subjects" in sentence for sentence in board.notes)


def test_single_runs_without_predictions_are_not_tested(ledger):
    ledger.fill(seeds=1)
    (record,) = (record for record in load(ledger.folder) if record.method == "tsm")
    (ledger.folder / "ledger" / f"{record.cell_id}.npz").unlink()
    board = read_board(ledger.folder)
    row = next(row for row in board.table.itertuples() if row.label == "TSM")
    assert row.status.startswith("refused: no predictions lie beside its record")
    assert np.isnan(row.diff_top1) and np.isnan(row.p) and P_TEXT(row) == "–" and len(compared(board)) == 2


def test_rows_share_a_letter_exactly_where_they_cannot_be_told_apart(ledger):
    ledger.fill(seeds=5)
    for seed in range(5):
        ledger.add("fgsgl", 2.38, "near", seed)
    ledger.add("short", 2.2, seed=0)
    table = read_board(ledger.folder).table.set_index("label")
    pairs = list(itertools.combinations(ROWS, 2))
    ps = [stats.ttest_rel(top1(ledger, one), top1(ledger, other)).pvalue for one, other in pairs]
    adjusted = multipletests(ps, method="holm")[1]
    assert min(adjusted) < 0.05 < max(adjusted), "the data must hold both"
    for (one, other), p in zip(pairs, adjusted, strict=True):
        assert bool(set(table.loc[one, "tied"]) & set(table.loc[other, "tied"])) == (p > 0.05)
    assert "a" in table.loc["FG-SGL", "tied"], "the best group is a"
    assert table.loc["short", "tied"] == table.loc["Majority class", "tied"] == ""


def test_without_fgsgl_rows_are_grouped_but_not_compared(ledger):
    for seed in range(3):
        ledger.add("tsm", 3.0, seed=seed)
        ledger.add("tsn", 0.5, seed=seed)
    ledger.add("majority", 0.0, kind="floor")
    board = read_board(ledger.folder)
    assert list(board.table["tied"]) == ["a", "b", ""] and not compared(board)
    assert any("FG-SGL and another method are not both finished" in sentence for sentence in board.notes)
