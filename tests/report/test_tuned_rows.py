"""Rows whose settings a search chose: apart from the others, billed, held against their own default."""

import json
from types import SimpleNamespace

import made
import pandas as pd
import pytest
from rich.console import Console

from fgsgl.records.plan_file import PlanFile
from fgsgl.records.record import MethodConfig
from fgsgl.report.board.board import read_board
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.figures import accuracy, forest, pareto, per_class_difference
from fgsgl.report.render.latex import latex
from fgsgl.report.render.tables import console_table, csv, markdown
from fgsgl.report.render.views import board_views, statistics_views
from fgsgl.testing.figure_contract import examine
from fgsgl.util.errors import UserError

PROTOCOL = "c8f37067343321ff"
SEARCH = {
    "method": "fgsgl", "variant": "tuned", "protocol_hash": PROTOCOL, "space": "components", "objective": ["macro_f1"],
    "studies": ["one", "two", "three"], "trials": 60, "pruned": 8, "failed": 1, "cell_hours": 0.5, "gpu_hours": 0.0,
    "sampler": "TPESampler(seed=0)", "pruner": "MedianPruner(n_startup_trials=5)",
}  # fmt: skip
RECIPE = {"lr": 0.001, "warmup": 0.1, "source": "a paper"}


def config(lr: float = 0.001, display_name: str = "FG-SGL", **settings) -> MethodConfig:
    return made.config(display_name, settings={"fgsa": True} | settings, recipe=RECIPE | {"lr": lr})


def write_plan(ledger, cells=(), tunings=()):
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": list(cells), "tunings": list(tunings)}))


def planned(record, variant, seed=0):
    named = {"method": "fgsgl", "variant": variant, "seed": seed, "protocol_hash": PROTOCOL}
    return {"cell_id": record.cell_id, "protocol": record.protocol.as_dict(), "kind": "method", **named}


@pytest.fixture
def tuned(ledger):
    """A board whose FG-SGL was tuned by three studies, with another method that was tuned too."""
    ledger.fill(seeds=6)
    for seed in range(6):
        ledger.add("fgsgl", 2.4, seed=seed, config=config())
        settings = config(0.00123456) if seed % 3 else config(fgsa=False)
        ledger.add("fgsgl", 2.7, "tuned", seed, config=settings, params=4_000_000 + seed % 2 * 200_000)
        ledger.add("tsm", 1.3, "tuned", seed, config=config(display_name="TSM"))
    write_plan(ledger, tunings=[SEARCH])
    return ledger


def row(board, label) -> SimpleNamespace:
    (found,) = board.table[board.table["label"] == label].itertuples()
    return found


def test_a_tuned_row_is_one_row_that_is_held_against_its_own_default(tuned):
    board = read_board(tuned.folder)
    own, other = row(board, "FG-SGL tuned"), row(board, "TSM tuned")
    assert (own.n_seeds, own.n_pairs, own.params_m) == (6, 6, 4.1)
    assert own.diff_top1 == pytest.approx(100 * (own.top1 - row(board, "FG-SGL").top1))
    assert other.diff_top1 == pytest.approx(100 * (other.top1 - row(board, "TSM").top1)) and other.diff_top1 < 0
    assert own.family == other.family == 2 and row(board, "TSM").family == 3
    assert own.settings == "seeds 0, 3: fgsa=False; seeds 1, 2, 4, 5: recipe.lr=0.001235"
    assert own.tied == "A" and other.tied == "B" and row(board, "TSM").tied.islower()
    note = "\n".join(board.notes)
    assert "60 trials in 3 independent studies (8 pruned, 1 failed) over the space components, by macro_f1" in note
    assert "with TPESampler(seed=0) and MedianPruner(n_startup_trials=5): 0.50 hours, 0.00 of them on a GPU" in note
    assert "Its seeds have the settings of different studies (seeds 0, 3: fgsa=False;" in note
    assert "TSM tuned: the plan of this board knows no search for it" in note
    assert "a family of its own, the 2 compared tuned row(s)" in note


def test_default_rows_have_the_same_numbers_with_and_without_tuned_rows(tuned):
    board = read_board(tuned.folder)
    for record in [record for key, group in board.cells.items() if key[1] == "tuned" for record in group]:
        (tuned.folder / "ledger" / f"{record.cell_id}.json").unlink()
    write_plan(tuned)
    without = read_board(tuned.folder).table
    kept = board.table[board.table["variant"] != "tuned"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, without, check_dtype=False)


def test_tuned_rows_stand_apart_in_every_form(tuned):
    board = read_board(tuned.folder)
    assert list(board.table["variant"]) == [*board.table["variant"][:4], "tuned", "tuned", "full", "full"]
    defaults, apart = markdown(board).split("## Tuned by a search")
    assert "FG-SGL tuned" not in defaults and "Trials" not in defaults
    assert "| 60 in 3 studies | 0.50 (0.00) |" in apart and "| FG-SGL tuned |" in apart
    lines = latex(board).splitlines()
    (place,) = [index for index, line in enumerate(lines) if line.startswith(r"\raggedright FG-SGL tuned &")]
    assert lines[place - 1] == lines[place + 2] == r"\midrule" and "60 in 3 studies & 0.50 (0.00)" in lines[place]
    console = Console(width=200)
    with console.capture() as capture:
        console.print(console_table(board))
    shown = capture.get().splitlines()
    (place,) = [index for index, line in enumerate(shown) if "FG-SGL tuned" in line]
    assert shown[place - 1].startswith("├") and shown[place + 2].startswith("├") and "60 in 3 studies" in shown[place]
    console = Console(width=140)
    with console.capture() as capture:
        console.print(console_table(board, console.width))
    shown = capture.get()
    assert "FG-SGL tuned" in shown and "60 in 3 studies" in shown
    assert {line.rstrip()[-1] for line in shown.splitlines()[1:]} == set("┓┃┩│┤┘")  # nothing is cut off at the right
    (line,) = [line for line in csv(board).splitlines() if line.startswith("FG-SGL tuned")]
    assert ",3,60,8,1,0.5,0.0,components,macro_f1," in line and "fgsa=False" in line
    results, _, *_ = board_views(board)
    assert [len(body) for body in results.bodies] == [4, 2, 2]
    differences, of_tuned, ties = statistics_views(board)
    assert [len(view.bodies[0]) for view in (differences, of_tuned)] == [3, 2]
    tuned_tsm = next(line for line in of_tuned.bodies[0] if line.texts[0] == "TSM tuned")
    assert tuned_tsm.link == f"row/{row(board, 'TSM tuned').Index}"
    assert "FG-SGL tuned" in [line.texts[1] for line in ties.bodies[0]]


def test_figures_keep_tuned_rows_apart(tuned):
    inputs = Inputs(read_board(tuned.folder))
    (sheet,) = examine(accuracy.FIGURE, inputs)
    names = [text.get_text() for text in sheet.figure.axes[0].get_yticklabels()]
    assert names[-3:-1] == ["FG-SGL tuned", "TSM tuned"], "below the methods, above the ceiling"
    default, tuned_rows = examine(forest.FIGURE, inputs)
    assert not default.table["label"].str.contains("tuned").any() and tuned_rows.suffix.endswith("-tuned")
    assert set(tuned_rows.table["label"]) == {"FG-SGL tuned", "TSM tuned"}
    assert tuned_rows.figure.get_supxlabel() == "top-1 minus the default's (points)"
    for figure, column in ((pareto.FIGURE, "row"), (per_class_difference.FIGURE, "row")):
        (sheet,) = examine(figure, inputs)
        assert not sheet.table[column].str.contains("tuned").any()


def test_a_search_that_chose_the_defaults_shares_their_cells(ledger):
    ledger.fill(seeds=2)
    defaults = [ledger.add("fgsgl", 2.4, seed=seed, config=config()) for seed in range(2)]
    changed = ledger.add("fgsgl", 2.5, "tuned", 1, config=config(0.002))
    write_plan(ledger, [planned(defaults[0], "tuned"), planned(changed, "tuned", 1)], [SEARCH])
    board = read_board(ledger.folder)
    own = row(board, "FG-SGL tuned")
    assert own.n_seeds == 2 and own.settings == "seed 0: the default settings; seed 1: recipe.lr=0.002"
    assert row(board, "FG-SGL").n_seeds == 2 and own.same_answers == ""
    assert any(
        sentence.endswith("cells are those of the default row, and the difference is 0.") for sentence in board.notes
    )
    assert not any("to the bit" in sentence for sentence in board.notes)


def test_what_an_earlier_search_chose_is_in_no_row_and_is_told(ledger):
    ledger.fill(seeds=1)
    ledger.add("fgsgl", 2.1, "tuned", config=config())
    ledger.written.clear()
    newer = ledger.add("fgsgl", 2.6, "tuned", config=config(0.002))
    write_plan(ledger, [planned(newer, "tuned")], [SEARCH])
    board = read_board(ledger.folder)
    own = row(board, "FG-SGL tuned")
    assert own.n_seeds == 1 and own.top1 == pytest.approx(newer.metrics.top1)
    assert (
        "fgsgl: 1 cell(s) of the ledger have settings that an earlier search chose, and are in no row." in board.notes
    )
    assert any("its spread does not tell what another search" in sentence for sentence in board.notes)


def test_searches_that_were_not_alike_or_found_nothing_are_told(tuned):
    other = SEARCH | {"method": "tsm", "trials": 20, "gpu_hours": 0.25}
    lost = SEARCH | {"method": "tsn", "trials": 5, "failed": 5}
    write_plan(tuned, tunings=[SEARCH, other, lost])
    note = "\n".join(read_board(tuned.folder).notes)
    assert "different numbers of trials (FG-SGL tuned 60, TSM tuned 20): they were not searched alike" in note
    assert "tsn: searched in 5 trials (5 failed, 0.50 hours), and has no tuned row." in note


def test_a_planned_tuned_row_shows_its_search(ledger):
    ledger.fill(seeds=1)
    record = ledger.add("fgsgl", 2.4, config=config())
    write_plan(ledger, [planned(record, "tuned") | {"cell_id": "f" * 16}], [SEARCH])
    board = read_board(ledger.folder)
    assert row(board, "FG-SGL tuned").trials == 60 and row(board, "FG-SGL tuned").status == "1 planned"
    assert any(sentence.endswith("No cell of it has run.") for sentence in board.notes)


@pytest.mark.parametrize(
    "changes, says", [({"trials": -1}, "trials is -1"), ({"studies": []}, "studies is"), ({"space": 3}, "space is 3")]
)
def test_a_damaged_tuning_is_named(ledger, changes, says):
    ledger.fill(seeds=1)
    write_plan(ledger, tunings=[SEARCH | changes])
    with pytest.raises(UserError, match=f"an entry in tunings that cannot be read: {says}"):
        PlanFile.read(ledger.folder)
