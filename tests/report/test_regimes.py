"""Boards of regimes: labels, columns, rows against FG-SGL over all folds, and accuracy against shots."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import made
import matplotlib
import numpy as np
import pandas as pd
import pytest

from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Done
from fgsgl.report import figures
from fgsgl.report.ablations.evaluate import ablations
from fgsgl.report.ablations.render import title as ablation_title
from fgsgl.report.board.board import COLUMNS, read_board
from fgsgl.report.contrast import contrasts
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.scan import scan
from fgsgl.report.regimes.evaluate import regimes
from fgsgl.report.regimes.render import regime_tables
from fgsgl.report.render.html import answers
from fgsgl.report.render.tables import columns_of, csv, markdown, title
from fgsgl.report.report import report
from fgsgl.stats.unseen import ausuc
from fgsgl.style import STYLE
from fgsgl.testing.figure_contract import examine
from fgsgl.util.errors import UserError

SKILL = {("fgsgl", "full"): 2.4, ("fgsgl", "text=shuffled"): 1.2, ("tsm", "full"): 1.6}


def fill(ledger, folds: int = 2, seeds: int = 3, left_out: tuple = ()) -> dict[tuple, Done]:
    """FG-SGL, a variant and TSM in every fold, and the floor; the zero-shot row has one run a fold."""
    found = {}
    for fold in range(folds):
        protocol = ledger.protocol(unseen=4, fold=fold)
        for seed in range(seeds):
            for (method, variant), skill in SKILL.items():
                if (method, variant, fold, seed) not in left_out:
                    predictions = ledger.predictions(skill, 100 * fold + seed)
                    record = ledger.add(method, skill, variant, seed, predictions=predictions, protocol=protocol)
                    found[method, variant, fold, seed] = record
        predictions = ledger.predictions(1.0, fold)
        untrained = made.config("Zero-shot, class names", recipe=None)
        zero = ledger.add("zero_shot_names", 1.0, predictions=predictions, protocol=protocol, config=untrained)
        found["zero_shot_names", "full", fold, 0] = zero
        ledger.add("majority", 0.0, kind="floor", protocol=protocol)
    return found


def line(table: pd.DataFrame, **wanted: str) -> pd.Series:
    chosen = table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]
    assert len(chosen) == 1
    return chosen.iloc[0]


def explained(part: str) -> set[str]:
    """The columns that a part of docs/columns.md explains."""
    pages = (Path(__file__).parents[2] / "docs" / "columns.md").read_text(encoding="utf-8")
    lines = pages.split(f"## {part}\n")[1].split("\n## ")[0].splitlines()
    return {name for line in lines for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")}


def share(record: Done, measure: str, score: str = "combined") -> float:
    return 100 * getattr(record.metrics.unseen[score], measure)


def test_rows_are_named_by_their_regime_and_the_heading_says_it(ledger) -> None:
    fill(ledger)
    board = read_board(ledger.folder)
    assert set(board.table["label"]) >= {"FG-SGL @fold 0", "TSM @fold 1"}
    assert title(board) == "synmg quick, 4 unseen classes, folds 0, 1"
    assert set(board.table["diff_note"]) == {""}  # each row against FG-SGL of its own fold


def test_a_board_without_regimes_has_none_of_their_columns(ledger) -> None:
    ledger.fill()
    board = read_board(ledger.folder)
    assert tuple(board.table.columns) == COLUMNS and title(board) == "synmg quick"
    assert not {"Unseen %", "Seen %"} & {column.heading for column in columns_of(board)}
    assert "unseen" not in csv(board) + markdown(board) and regimes(board).empty


def test_the_board_shows_the_scores_and_who_cannot_have_them(ledger) -> None:
    records = fill(ledger)
    board = read_board(ledger.folder)
    table = board.table.set_index("label")
    row = table.loc["FG-SGL @fold 1"]
    for measure in ("unseen", "generalised", "harmonic", "seen"):
        mean = np.mean([share(records["fgsgl", "full", 1, seed], measure) for seed in range(3)])
        assert 100 * row[measure] == pytest.approx(mean)
    tsm = table.loc["TSM @fold 1"]
    assert np.isnan(tsm["unseen"]) and tsm["cannot"] == "cannot: no text" and tsm["seen"] > 0
    text = markdown(board)
    assert "| cannot: no text | cannot: no text | cannot: no text |" in text
    assert "Chance, 4 of 17 classes: 25.0 % among the unseen, 5.9 % among all" in text
    read = pd.read_csv(io.StringIO(csv(board)))
    pairs = {"fine_pairs_pct"}  # those of SynMG's own classes, which are not this board's
    assert set(read.columns) == (explained("leaderboard.csv") - pairs) | explained("More of leaderboard.csv")


def test_rows_are_compared_by_seed_and_fold(ledger) -> None:
    records = fill(ledger, folds=3)
    table = regimes(read_board(ledger.folder))
    for measure in ("unseen", "harmonic"):
        by_seed = [
            np.mean([
                share(records["fgsgl", "text=shuffled", fold, seed], measure)
                - share(records["fgsgl", "full", fold, seed], measure)
                for fold in range(3)
            ])
            for seed in range(3)
        ]  # fmt: skip
        found = line(table, method="fgsgl", variant="text=shuffled", measure=measure, score="combined")
        assert found.difference == pytest.approx(np.mean(by_seed)) and found.n_pairs == 3
        assert found.diff_half_width == pytest.approx(4.302653 * np.std(by_seed, ddof=1) / 3**0.5, rel=1e-5)
        assert found.difference < 0 and found.p_t < 0.1
    fine = line(table, method="fgsgl", variant="full", measure="unseen", score="fine")
    assert fine["mean"] == pytest.approx(
        np.mean(
            [share(records["fgsgl", "full", fold, seed], "unseen", "fine") for fold in range(3) for seed in range(3)]
        )
    )
    assert line(table, method="fgsgl", variant="full", measure="unseen", score="combined").by_fold.count(";") == 2


def test_one_run_of_an_untrained_method_stands_for_every_seed_of_its_fold(ledger) -> None:
    records = fill(ledger)
    found = line(regimes(read_board(ledger.folder)), method="zero_shot_names", measure="unseen", score="combined")
    assert (found.n, found.n_pairs, found.note) == (1, 3, "")
    mean = np.mean([share(records["zero_shot_names", "full", fold, 0], "unseen") for fold in range(2)])
    assert found["mean"] == pytest.approx(mean) and np.isnan(found.half_width)


def test_rows_with_other_folds_or_seeds_are_not_compared(ledger) -> None:
    fill(ledger, left_out=(("fgsgl", "text=shuffled", 1, 2),))
    found = line(
        regimes(read_board(ledger.folder)), method="fgsgl", variant="text=shuffled", measure="unseen", score="combined"
    )
    assert found.note == "its folds have other seeds; not compared: here lacks fold 1, seed 2"
    assert np.isnan(found.difference) and found.folds == "0, 1"
    assert found.contrast == "exploratory" and np.isfinite(found["mean"])  # it stays in the family


def test_the_area_under_the_curve_is_computed_from_the_predictions_and_compared_as_its_neighbours_are(ledger) -> None:
    fill(ledger, seeds=4)
    table = regimes(read_board(ledger.folder))

    def area(skill: float, fold: int, seed: int) -> float:
        predictions = ledger.predictions(skill, 100 * fold + seed)
        unseen = ledger.protocol(unseen=4, fold=fold).regime.held_out(ledger.classes)
        return 100 * ausuc(predictions.labels, predictions.scores["combined"].astype(np.float32), unseen)

    mine, theirs = ([[area(skill, fold, seed) for fold in range(2)] for seed in range(4)] for skill in (1.2, 2.4))
    found = line(table, variant="text=shuffled", measure="ausuc", score="combined")
    assert found["mean"] == pytest.approx(np.mean(mine)) and found.contrast == "exploratory"
    assert found.difference == pytest.approx(np.mean(mine) - np.mean(theirs)) and found.n_pairs == 4
    assert found.p_t < 0.05 and found.sim_half_width > found.diff_half_width
    assert line(table, method="tsm", measure="ausuc", score="combined").note == "cannot: no text"
    (shown,) = regime_tables(table)
    assert {row.name: row.texts for row in shown.rows}["fgsgl", "text=shuffled"][5].startswith(
        f"{found['mean']:.1f} ± "
    )
    assert any("FG-SGL text=shuffled (AUSUC −" in note for note in shown.notes)


def declare(ledger, *protocols: Protocol) -> None:
    """A plan that declared the shuffled row primary under each protocol."""
    primary = [{"protocol_hash": one.hash(), "rows": [["fgsgl", "text=shuffled"]]} for one in protocols]
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": [], "primary": primary}))


def test_on_the_board_rows_with_classes_held_out_are_exploratory_and_others_as_declared(ledger) -> None:
    fill(ledger, seeds=4)
    regime = [ledger.protocol(unseen=4, fold=fold) for fold in range(2)]
    declare(ledger, *regime)
    board = read_board(ledger.folder)
    assert set(board.table["contrast"]) == {"exploratory", ""}
    assert set(board.table.loc[board.table["contrast"] != "", "family"]) == {6}  # three rows in two folds
    text = " ".join(board.notes)
    assert "none of them is primary" in text and "none was declared" not in text
    assert "Rows with classes held out are exploratory on this board, whatever the plan declared" in text
    table = regimes(board)
    assert line(table, variant="text=shuffled", measure="unseen", score="combined").contrast == "primary"

    for seed in range(4):
        for (method, variant), skill in SKILL.items():
            ledger.add(method, skill, variant, seed)
    ledger.add("majority", 0.0, kind="floor")
    declare(ledger, *regime, ledger.protocol())
    board = read_board(ledger.folder)
    primary = board.table[board.table["contrast"] == "primary"]
    assert list(primary["label"]) == ["FG-SGL text=shuffled"] and set(primary["family"]) == {1}
    text = " ".join(board.notes)
    assert "the 1 primary contrasts" in text and "and the 7 exploratory ones" in text
    assert "Rows with classes held out are exploratory on this board" in text


def test_the_family_is_what_was_planned_and_primary_what_was_declared(ledger) -> None:
    fill(ledger, seeds=4)
    declare(ledger, *[ledger.protocol(unseen=4, fold=fold) for fold in range(2)])
    table = regimes(read_board(ledger.folder))
    judged = table[table["contrast"] != ""]
    primary = judged[judged["contrast"] == "primary"]
    assert list(zip(primary["variant"], primary["measure"], strict=True)) == [("text=shuffled", "unseen")]
    # Of TSM the seen score alone; of the other two rows all five, but for the primary one; of the shuffled row those of
    # its category and fine scores, too.
    assert set(judged.loc[judged["contrast"] == "exploratory", "family"]) == {1 + 5 + 4 + 2 * 5}
    assert primary.iloc[0].p_holm == pytest.approx(min(1, primary.iloc[0].p_t / 0.8))
    (shown,) = regime_tables(table)
    assert "1 primary contrast(s)" in " ".join(shown.notes) and shown.title.endswith("4 unseen classes, folds 0, 1")


def test_regimes_of_another_strength_stand_apart(ledger) -> None:
    fill(ledger)
    for seed in range(3):
        ledger.add("fgsgl", 2.4, seed=seed, protocol=ledger.protocol(unseen=2))
        ledger.add("fgsgl", 2.4, seed=seed)
    ledger.add("majority", 0.0, kind="floor", protocol=ledger.protocol(unseen=2))
    board = read_board(ledger.folder)
    assert {one.title for one in regime_tables(regimes(board))} == {
        "synmg quick, 4 unseen classes, folds 0, 1", "synmg quick, 2 unseen classes, folds 0"
    }  # fmt: skip
    assert {"FG-SGL", "FG-SGL @2 unseen classes, fold 0"} <= set(board.table["label"])
    assert np.isnan(board.table.set_index("label").loc["FG-SGL", "unseen"])


def test_contrasts_and_designs_of_two_folds_are_not_mixed(ledger) -> None:
    fill(ledger)
    table = contrasts([ledger.folder])
    assert set(table["label"]) >= {"TSM @4 unseen classes, fold 0", "TSM @4 unseen classes, fold 1"}
    assert "all" not in set(table["data_seed"])
    protocols = [ledger.protocol(unseen=4, fold=fold) for fold in range(2)]
    arms = [{"off": [], "variant": ""}, {"off": ["text"], "variant": "text=shuffled"}]
    designs = [
        {"design": "one-out", "protocol_hash": one.hash(), "seeds": 3, "factors": ["text"], "arms": arms}
        for one in protocols
    ]
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": [], "designs": designs}))
    found = ablations(read_board(ledger.folder))
    assert [ablation_title(one) for one in found] == [
        f"one-out over text (4 unseen classes, fold {fold})" for fold in range(2)
    ]


def test_protocols_that_their_regimes_do_not_tell_apart_are_named_by_their_hash_too(ledger) -> None:
    ledger.add("majority", 0.0, kind="floor")
    for epochs in (12, 13):
        ledger.add("fgsgl", 2.0, protocol=ledger.protocol(shots=2, epochs=epochs))
    labels = set(read_board(ledger.folder).table["label"])
    assert len(labels) == 3 and all("@2 shots " in one for one in labels if one.startswith("FG-SGL"))


def test_the_report_writes_the_tables_and_the_page_has_their_tab(ledger, without_figures) -> None:
    fill(ledger)
    report(ledger.folder)
    text = (ledger.folder / "regimes.md").read_text()
    assert "| FG-SGL | 3 |" in text and "cannot: no text" in text
    read = pd.read_csv(ledger.folder / "regimes.csv")
    assert set(read.columns) == explained("regimes.csv")
    page = (ledger.folder / "leaderboard.html").read_text()
    assert "Unseen classes" in page and "regime-1" in page


def test_an_edited_score_on_unseen_classes_is_refused(ledger) -> None:
    record = fill(ledger)["fgsgl", "full", 0, 0]
    path = ledger.folder / "ledger" / f"{record.cell_id}.json"
    content = json.loads(path.read_text())
    content["metrics"]["unseen"]["combined"]["unseen"] = 0.9
    del content["content_sha256"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"metrics\.unseen\.combined\.unseen is 0\.9"):
        read_board(ledger.folder)


def draw_shots(ledger):
    (figure,) = (figure for figure in scan(figures).figures if figure.name == "shots")
    with matplotlib.rc_context(fname=STYLE):
        return examine(figure, Inputs(read_board(ledger.folder)))


def test_accuracy_is_drawn_against_shots_with_the_interval_over_seeds(ledger) -> None:
    ledger.add("majority", 0.0, kind="floor")
    for shots, skill in ((1, 0.8), (4, 1.4), (16, 2.0), (0, 2.4)):
        for seed in range(3):
            protocol = ledger.protocol(shots=shots)
            ledger.add("fgsgl", skill, seed=seed, protocol=protocol)
            if shots != 4:
                ledger.add("tsm", skill / 2, seed=seed, protocol=protocol)
    (sheet,) = draw_shots(ledger)
    table = sheet.table.set_index(["row", "shots"])
    assert list(table.loc["FG-SGL"].index) == ["1", "4", "16", "all"] and ("TSM", "4") not in table.index
    board = read_board(ledger.folder).table.set_index("label")
    assert table.loc[("FG-SGL", "16"), "top1_pct"] == pytest.approx(100 * board.loc["FG-SGL @16 shots", "top1"])
    assert table.loc[("FG-SGL", "all"), "low_pct"] == pytest.approx(100 * board.loc["FG-SGL", "top1_ci_low"])
    (axes,) = sheet.figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "4", "16", "all"]
    assert "n = 3 seeds" in sheet.caption


def test_one_number_of_shots_is_no_figure(ledger) -> None:
    fill(ledger)
    assert draw_shots(ledger) == []
    assert replace(ledger.protocol(), shots=2).regime.title == "2 shots"


def test_folds_are_those_with_a_run_and_a_planned_one_without_is_named(ledger) -> None:
    left_out = tuple(("tsm", "full", fold, seed) for fold in (1, 2) for seed in range(3))
    fill(ledger, folds=3, left_out=(*left_out, *(("fgsgl", "text=shuffled", 2, seed) for seed in range(3))))
    cells = [
        {"cell_id": f"{method}{fold}", "method": method, "variant": variant, "kind": kind, "seed": 0,
         "protocol_hash": (one := ledger.protocol(unseen=4, fold=fold)).hash(), "protocol": one.as_dict()}
        for method, variant, kind, folds in (
            ("tsm", "full", "method", (1, 2)), ("fgsgl", "text=shuffled", "method", (2, 3)),
            ("majority", "full", "floor", (3,)), ("oracle_static", "full", "ceiling", (0,)),
        )
        for fold in folds
    ]  # fmt: skip
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": cells}))
    table = regimes(read_board(ledger.folder))
    combined = table[table["score"] == "combined"]
    unseen, seen = (
        combined[combined["measure"] == name].set_index(["method", "variant"]) for name in ("unseen", "seen")
    )

    full, shuffled = unseen.loc[("fgsgl", "full")], unseen.loc[("fgsgl", "text=shuffled")]
    assert (full.folds, full.note) == ("0, 1, 2", "") and [part[:3] for part in full.by_fold.split("; ")] == [
        "0: ", "1: ", "2: "
    ]  # fmt: skip
    assert shuffled.folds == "0, 1" and re.fullmatch(r"0: \d+\.\d; 1: \d+\.\d", shuffled.by_fold)
    assert shuffled.note == "lacks folds 2, 3; not compared: here lacks fold 2, seed 0"
    tsm, floor, ceiling = (seen.loc[(name, "full")] for name in ("tsm", "majority", "oracle_static"))
    assert (tsm.folds, tsm.note) == ("0", "lacks folds 1, 2; not compared: here lacks fold 1, seed 0")
    assert (floor.folds, floor.note) == ("0, 1, 2", "lacks fold 3")
    assert (ceiling.folds, ceiling.note, ceiling.n) == ("", "no finished cell", 0)
    assert unseen.loc[("tsm", "full")].folds == ""  # no mean, no folds

    (shown,) = regime_tables(table)
    assert shown.title == "synmg quick, 4 unseen classes, folds 0, 1, 2"
    notes = {row.name: row.texts[-1] for row in shown.rows}
    assert notes["majority", "full"] == "lacks fold 3" and notes["oracle_static", "full"] == "no finished cell"


def test_an_untrained_method_keeps_the_folds_that_fg_sgl_has_not_finished(ledger) -> None:
    records = fill(ledger, left_out=tuple(("fgsgl", "full", 1, seed) for seed in range(3)))
    found = line(regimes(read_board(ledger.folder)), method="zero_shot_names", measure="unseen", score="combined")
    mean = np.mean([share(records["zero_shot_names", "full", fold, 0], "unseen") for fold in range(2)])
    assert found["mean"] == pytest.approx(mean) and (found.folds, found.n) == ("0, 1", 1)
    assert found.note == "not compared: FG-SGL lacks fold 1, seed 0" and np.isnan(found.difference)


def test_a_regime_without_a_finished_cell_names_no_fold(ledger) -> None:
    ledger.add("fgsgl", 2.0)
    ledger.add("majority", 0.0, kind="floor")
    one = ledger.protocol(unseen=4)
    cell = {"cell_id": "a", "method": "fgsgl", "variant": "full", "kind": "method", "seed": 0,
            "protocol_hash": one.hash(), "protocol": one.as_dict()}  # fmt: skip
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": [cell]}))
    (shown,) = regime_tables(regimes(read_board(ledger.folder)))
    assert shown.title == "synmg quick, 4 unseen classes, no finished fold"


def test_category_and_fine_scores_are_compared_where_both_rows_have_them(ledger) -> None:
    records = fill(ledger, seeds=4)
    table = regimes(read_board(ledger.folder))
    alone = table[table["score"] != "combined"]
    assert set(zip(alone["method"], alone["variant"], strict=True)) == {("fgsgl", "full"), ("fgsgl", "text=shuffled")}
    for score in ("category", "fine"):
        found = line(table, variant="text=shuffled", measure="unseen", score=score)
        by_seed = [
            np.mean([
                share(records["fgsgl", "text=shuffled", fold, seed], "unseen", score)
                - share(records["fgsgl", "full", fold, seed], "unseen", score)
                for fold in range(2)
            ])
            for seed in range(4)
        ]  # fmt: skip
        assert found.difference == pytest.approx(np.mean(by_seed)) and found.n_pairs == 4
        assert (found.contrast, found.family) == ("exploratory", 1 + 5 + 5 + 2 * 5)
        assert found.p_t <= found.p_holm <= 1
    assert set(table.loc[table["variant"] == "full", "contrast"]) <= {"", "exploratory"}
    assert set(alone.loc[alone["variant"] == "full", "contrast"]) == {""}  # FG-SGL itself
    (shown,) = regime_tables(table)
    assert any("21 exploratory one(s)" in note for note in shown.notes)


def tied(ledger, fold: int, seed: int):
    """Predictions whose combined score gives all unseen classes what the lowest seen one has."""
    predictions = ledger.predictions(2.4, 100 * fold + seed)
    unseen = list(ledger.protocol(unseen=4, fold=fold).regime.held_out(ledger.classes))
    scores_NC = predictions.scores["combined"]
    scores_NC[:, unseen] = scores_NC.min(axis=1, keepdims=True)
    return predictions


def test_a_row_that_ties_all_unseen_classes_has_no_unseen_score(ledger) -> None:
    fill(ledger)
    variants = {"head=linear": [(fold, seed) for fold in range(2) for seed in range(3)], "head=both": [(0, 1)]}
    for variant, runs in variants.items():
        for fold in range(2):
            for seed in range(3):
                own = tied if (fold, seed) in runs else (lambda ledger, fold, seed: ledger.predictions(2.0, seed))
                protocol = ledger.protocol(unseen=4, fold=fold)
                ledger.add("fgsgl", 2.0, variant, seed, predictions=own(ledger, fold, seed), protocol=protocol)
    board = read_board(ledger.folder)
    table = regimes(board)
    always, once = (line(table, variant=name, measure="unseen", score="combined") for name in variants)
    assert always.note == "ties" and np.isnan(always["mean"]) and np.isnan(always.difference)
    assert always.contrast == "exploratory" and np.isfinite(line(
        table, variant="head=linear", measure="seen", score="combined").difference)  # fmt: skip
    assert once.note == "ties all unseen classes in 1 of 6 cells" and np.isfinite(once.difference)
    (shown,) = regime_tables(table)
    rows = {row.name: row.texts for row in shown.rows}
    assert rows["fgsgl", "head=linear"][2] == "ties" and rows["fgsgl", "head=linear"][-1] == "–"
    assert any("At beta 0 its unseen score rests on category text" in note for note in shown.notes)
    text = markdown(board)
    assert "| ties | 0.0 | 0.0 |" in text and "At beta 0 its unseen score rests on category text" in text


def test_the_answer_is_in_the_score_on_unseen_classes_over_all_folds(ledger) -> None:
    fill(ledger, seeds=4)
    board = read_board(ledger.folder)
    (shown,) = regime_tables(regimes(board))
    best, second = (row.first for row in shown.rows[:2])
    assert best.label == "FG-SGL" and shown.answer == (
        f"On synmg quick (4 unseen classes, folds 0, 1), FG-SGL leads with {best.mean:.1f} % "
        f"on clips of unseen classes, {abs(second.difference):.1f} ± {second.sim_half_width:.1f} points above the next "
        f"row, {second.label}: its sign is sure over seeds (adjusted p = {second.p_holm:.3f}, n = 4), its size is not."
    )
    assert answers(board, [shown]) == (shown.answer,)

    for seed in range(4):
        ledger.add("fgsgl", 2.4, seed=seed)
    board = read_board(ledger.folder)
    first, second = answers(board, regime_tables(regimes(board)))
    assert first == shown.answer and second.startswith("On synmg quick (240 test clips of 12 subjects), FG-SGL reaches")


def test_the_answer_says_what_is_missing(ledger) -> None:
    for fold in range(2):
        protocol = ledger.protocol(unseen=4, fold=fold)
        ledger.add("majority", 0.0, kind="floor", protocol=protocol)
        ledger.add("tsm", 1.6, protocol=protocol)

    def answer() -> str:
        return regime_tables(regimes(read_board(ledger.folder)))[0].answer

    assert answer() == "On synmg quick (4 unseen classes, folds 0, 1), no method has a score on unseen classes yet."
    for fold in range(2):
        ledger.add("fgsgl", 2.4, "head=both", 0, protocol=ledger.protocol(unseen=4, fold=fold))
    assert answer().endswith("on clips of unseen classes, the only method with such a score.")
    for fold in range(2):
        ledger.add("fgsgl", 1.0, "text=shuffled", 0, protocol=ledger.protocol(unseen=4, fold=fold))
    assert answer().endswith("; FG-SGL, which rows are compared with, has not finished there.")
    for fold in range(2):
        ledger.add("fgsgl", 2.0, "full", 7, protocol=ledger.protocol(unseen=4, fold=fold))
    assert answer().endswith("; the two are not compared.")


def test_folds_stand_in_their_order_and_labels_say_no_more_than_tells_them_apart(ledger) -> None:
    fill(ledger, folds=4, seeds=1)
    table = read_board(ledger.folder).table
    methods = table[table["kind"] == "method"]
    assert list(dict.fromkeys(label.split("@")[1] for label in methods["label"])) == [
        f"fold {fold}" for fold in range(4)
    ]
    ledger.add("fgsgl", 2.0, protocol=ledger.protocol(unseen=4, fold=1, shots=2))
    labels = set(read_board(ledger.folder).table["label"])
    assert {"FG-SGL @fold 1", "FG-SGL @fold 1, 2 shots"} <= labels


def test_the_page_of_a_board_with_classes_held_out_opens_with_these(ledger, without_figures) -> None:
    fill(ledger)
    report(ledger.folder)
    page = (ledger.folder / "leaderboard.html").read_text()
    assert page.index('aria-controls="regimes"') < page.index('aria-controls="board"')
    assert page.count('<p class="answer">') == 1 and "on clips of unseen classes" in page
    table = page[page.index('<table id="regime-1"') : page.index("</table>", page.index('<table id="regime-1"'))]
    assert table.count('class="plot method"') == 3 and table.count('class="reference"') >= 1
    shown = re.findall(r'<th scope="col" class="([^"]*)"[^>]*>(?:<button[^>]*>)?([^<]+)', table)
    phone = [heading for classes, heading in shown if "desk" not in classes.split()]
    assert phone == ["Method", "Unseen %", "Difference"]
    assert len({heading for _, heading in shown}) == len(shown)  # the list of columns names each
    for seed in range(3):
        ledger.add("fgsgl", 2.0, seed=seed)
    ledger.add("majority", 0.0, kind="floor")
    report(ledger.folder)
    page = (ledger.folder / "leaderboard.html").read_text()
    assert page.index('aria-controls="board"') < page.index('aria-controls="regimes"')
