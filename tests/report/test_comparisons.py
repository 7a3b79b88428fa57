import itertools

import numpy as np
import pandas as pd
import pytest
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
        ps.append(stats.permutation_test((differences,), np.mean, permutation_type="samples").pvalue)
        assert row.p == pytest.approx(ps[-1]) and row.smallest_p == 2**-6
        assert row.d_z == pytest.approx(differences.mean() / differences.std(ddof=1))
        assert row.wins == np.mean((differences > 0) + (differences == 0) / 2) and row.wins_low < row.wins_high
        assert (row.n_pairs, row.diff_over, row.family) == (7, "seeds", 3)
    assert [row.p_holm for row in rows.values()] == pytest.approx(multipletests(ps, method="holm")[1])


@pytest.mark.parametrize(
    "seeds, says",
    [(5, "cannot reach 0.05 with n = 5"), (6, "0.094; cannot reach 0.05 with n = 6 and 3 rows"), (8, "0.023")],
)
def test_what_the_test_cannot_reach_is_said_instead_of_a_star(ledger, seeds, says):
    for seed in range(seeds):
        ledger.add("fgsgl", 4.0, seed=seed)
        for method in ("tsn", "tsm", "trn"):
            ledger.add(method, 1.0, seed=seed)
    ledger.add("majority", 0.0, kind="floor")
    board = read_board(ledger.folder)
    assert {P_TEXT(row) for row in compared(board).values()} == {says}
    assert any("cannot reach p < 0.05 with n = 5 seeds" in line for line in board.notes) == (seeds == 5)
    assert any("in a family of 3 no such row can reach" in line for line in board.notes) == (seeds == 6)


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
