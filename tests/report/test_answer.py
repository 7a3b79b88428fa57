"""The sentence that answers a board, and the scale of its drawn rows."""

import numpy as np
import pytest

from fgsgl.report.board.answer import answers, tied_with_best
from fgsgl.report.board.board import read_board
from fgsgl.report.render.row_plot import WIDTH, row_plot, scale_of, scales_of


def fill(ledger, seeds, **top1):
    """FG-SGL and other methods, each right in about that share of the clips."""
    for seed in range(seeds):
        for number, (method, share) in enumerate(top1.items()):
            ledger.add_exact(method, share + 0.01 * ((seed * (number + 2)) % 3 - 1), seed=seed)
    ledger.add("majority", 0.0, kind="floor")
    return read_board(ledger.folder).table


@pytest.mark.parametrize(
    ("seeds", "top1", "parts"),
    [
        (6, {"fgsgl": 0.8, "tsm": 0.5}, ("FG-SGL leads", "above the next row, TSM: a sure difference", "<0.001")),
        (6, {"fgsgl": 0.5, "tsm": 0.8}, ("TSM leads", "above FG-SGL: a sure difference")),
        (3, {"fgsgl": 0.5, "tsm": 0.505}, ("above the next row, TSM: not a sure difference", "n = 3).")),
        (
            3,
            {"fgsgl": 0.5, "tsm": 0.505, "tsn": 0.495},
            ("above the next row, TSM: not a sure", "; 1 other row cannot be told apart from the leader."),
        ),
        (2, {"fgsgl": 0.5, "tsm": 0.8}, ("TSM leads", "fewer than 3 seeds, so there is no verdict")),
        (3, {"tsm": 0.8, "tsn": 0.5}, ("TSM leads", "FG-SGL, which rows are compared with, has not finished")),
        (3, {"tsm": 0.8}, ("TSM reaches", "the only method that has finished")),
    ],
)
def test_the_answer_says_who_leads_by_how_much_and_whether_it_is_sure(ledger, seeds, top1, parts):
    (sentence,) = answers(fill(ledger, seeds, **top1))
    assert sentence.startswith("On synmg quick (240 test clips of 12 subjects), ")
    for part in parts:
        assert part in sentence


def test_a_sure_sign_with_an_interval_that_reaches_0_is_no_sure_difference_and_no_tie(ledger):
    shares = {"fgsgl": (0.8, 0.81, 0.79, 0.8), "tsm": (0.75, 0.795, 0.75, 0.78), "tsn": (0.765, 0.78, 0.76, 0.76)}
    for method, by_seed in shares.items():
        for seed, share in enumerate(by_seed):
            ledger.add_exact(method, share, seed=seed)
    ledger.add("majority", 0.0, kind="floor")
    table = read_board(ledger.folder).table
    row = next(row for row in table.itertuples() if row.method == "tsm")
    assert row.p_holm < 0.05 and row.sim_low < 0 < row.sim_high and set(row.tied) & set(table["tied"][0])
    (sentence,) = answers(table)
    assert "its sign is sure over seeds" in sentence and sentence.endswith("its size is not.")


def test_rows_with_other_seeds_are_not_answered_with_a_number(ledger):
    fill(ledger, 3, fgsgl=0.5, tsm=0.8)
    ledger.add_exact("tsm", 0.8, seed=7)
    (sentence,) = answers(read_board(ledger.folder).table)
    assert "ahead of FG-SGL" in sentence and "the reference lacks seed 7" in sentence and "points" not in sentence


def test_where_no_method_is_above_the_floor_nobody_leads(ledger):
    (sentence,) = answers(fill(ledger, 3, fgsgl=0.02, tsm=0.02))
    assert "no method is above the floor" in sentence and "leads" not in sentence


def test_what_only_floors_and_ceilings_reach_answers_nothing(ledger):
    ledger.add("majority", 0.0, kind="floor")
    ledger.add("oracle", 4.0, kind="ceiling")
    assert answers(read_board(ledger.folder).table) == ()


def test_the_drawing_keeps_to_its_scale(ledger):
    """Rows that are far from the best are triangles at the end, so that intervals stay visible."""
    table = fill(ledger, 4, fgsgl=0.82, tsm=0.815, tsn=0.2)
    rows = {row.method: row for row in table.itertuples()}
    scale = scales_of(table)[rows["fgsgl"].protocol]
    assert {rows["fgsgl"].Index, rows["tsm"].Index} == tied_with_best(table)
    assert 60 < scale.low < 80 < scale.high < 100 and scale.ticks[0] == scale.low and scale.ticks[-1] == scale.high
    assert 0 < scale.x(-50) < scale.x(82) < scale.x(500) < WIDTH
    assert "<circle" in row_plot(rows["fgsgl"], scale) and 'class="interval"' in row_plot(rows["fgsgl"], scale)
    assert "<path" in row_plot(rows["tsn"], scale) and "<circle" not in row_plot(rows["tsn"], scale)
    beyond = [row._replace(top1=0.97, top1_ci_low=0.8, top1_ci_high=1.14) for row in rows.values()]
    assert scale_of(beyond, frozenset()).ticks[-1] == 100
    perfect = [row._replace(top1=1.0, top1_ci_low=1.0, top1_ci_high=1.0) for row in rows.values()]
    assert scale_of(perfect, frozenset()).low < scale_of(perfect, frozenset()).high == 100
    wide = scale_of([row for row in table.itertuples() if row.method != "tsm"], frozenset())
    assert wide.low < 100 * np.array(table["top1"].min()) and "<circle" in row_plot(rows["tsn"], wide)
