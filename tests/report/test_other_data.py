"""A board holds the records of its newest data; those of other data are set aside with a sentence, and stay."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import made
import numpy as np
import pytest
from msgspec import structs
from rich.console import Console

from fgsgl.methods.cell import Cell, Variant
from fgsgl.prediction.choice import chosen_cell
from fgsgl.records.find import find_record
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import add_to_plan
from fgsgl.records.predictions import Predictions
from fgsgl.records.record import Done, scored_sha256
from fgsgl.report.board.board import read_board
from fgsgl.report.board.other_data import on_newest_data
from fgsgl.running.status import find_states, states, status
from fgsgl.util.errors import UserError

BEFORE, AFTER = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


def run(folder: Path, fingerprint: str, at: str, methods: tuple[str, ...] = ("tsn",), seeds: int = 1) -> list[Done]:
    """What a command plans and leaves."""
    cells = [made.a_cell("majority", fingerprint=fingerprint)]
    cells += [made.a_cell(method, seed=seed, fingerprint=fingerprint) for method in methods for seed in range(seeds)]
    add_to_plan(folder, [cell.planned() for cell in cells])
    return [finish(folder, cell, at) for cell in cells]


def finish(folder: Path, cell: Cell, at: str) -> Done:
    """The cell's record, with the predictions that it follows from."""
    labels_N = np.arange(40) % 2
    predictions = Predictions(
        clip_ids=np.array([f"c{clip}" for clip in range(40)]),
        subjects=np.array([f"s{clip % 10}" for clip in range(40)]),
        labels=labels_N,
        scores={"combined": np.eye(2)[labels_N] * 0.5 + 0.25},
    )
    split = {"split_sha256": scored_sha256(predictions.clip_ids)}
    data = structs.replace(made.facts(cell.fingerprint, n_test=40), **split)
    record = made.done(cell, started_utc=at, data=data)
    written = made.write_cell(folder / "ledger", record, predictions)
    assert written.cell_id == cell.cell_id
    return written


def ids(folder: Path) -> set[str]:
    return {record.cell_id for group in read_board(folder).cells.values() for record in group}


def test_a_corrected_table_under_the_same_out_makes_a_board_of_its_cells(tmp_path: Path) -> None:
    old = run(tmp_path, "old", BEFORE, ("tsn", "tsm"))
    assert ids(tmp_path) == {record.cell_id for record in old} and not any(
        "aside" in n for n in read_board(tmp_path).notes
    )
    new = run(tmp_path, "new", AFTER)
    board = read_board(tmp_path)
    assert ids(tmp_path) == {record.cell_id for record in new}
    assert list(board.table["status"]) == ["1 done"] * 2 and not board.planned
    (said,) = (note for note in board.notes if "Set aside" in note)
    assert "3 cells of" in said and "TSM" in said and "fingerprint old; the board's is new" in said


def test_the_data_of_the_last_command_count_not_the_later_record(tmp_path: Path) -> None:
    """The table is changed back: nothing is to run, and the board is the first table's again."""
    old = run(tmp_path, "old", BEFORE)
    run(tmp_path, "new", AFTER, ("tsn", "tsm"))
    add_to_plan(tmp_path, [made.a_cell(name, fingerprint="old").planned() for name in ("majority", "tsn")])
    assert ids(tmp_path) == {record.cell_id for record in old}


def test_without_a_plan_the_newest_records_count(tmp_path: Path) -> None:
    run(tmp_path, "old", AFTER)
    new = run(tmp_path, "new", "2026-01-03T00:00:00+00:00")
    (tmp_path / "plan.json").unlink()
    assert ids(tmp_path) == {record.cell_id for record in new}


def test_cells_that_the_plan_runs_otherwise_now_are_set_aside(tmp_path: Path) -> None:
    """Such as with other weights, text or skeletons, which a row's name does not tell."""
    run(tmp_path, "f", BEFORE)
    changed = made.a_cell("tsn", fingerprint="f", variant=Variant(method="tsn", changes={"dropout": 0.123}))
    add_to_plan(tmp_path, [changed.planned()])
    assert len(ids(tmp_path)) == 2, "as long as it is not finished"
    finish(tmp_path, changed, AFTER)
    assert changed.cell_id in ids(tmp_path) and len(ids(tmp_path)) == 2
    (said,) = (note for note in read_board(tmp_path).notes if "Set aside" in note)
    assert "1 cell of TSN, which the plan runs with other" in said


def test_other_protocols_stay() -> None:
    protocols = made.PROTOCOL, dataclasses.replace(made.PROTOCOL, preset="hard")
    records = [made.done(made.a_cell("majority", protocol=one, fingerprint=one.preset)) for one in protocols]
    assert on_newest_data(records, []) == (tuple(records), ())


def test_commands_mean_the_cells_that_count_and_find_the_others_by_their_ids(tmp_path: Path) -> None:
    """A corrected table leaves two cells of each row and seed: neither `status` nor `predict` may take the first."""
    old, new = (run(tmp_path, data, at) for data, at in (("one", AFTER), ("two", BEFORE)))
    floor, tsn = new
    assert {cell.cell_id for cell in states(tmp_path).cells} == {floor.cell_id, tsn.cell_id}
    assert {cell.cell_id for cell in states(tmp_path).set_aside} == {record.cell_id for record in old}
    shown = Console(width=200, record=True, file=io.StringIO())
    shown.print(status(tmp_path)[0])
    assert "2 more, on other data or with other settings" in (said := shown.export_text())
    assert tsn.cell_id[:8] in said and old[1].cell_id[:8] not in said
    for name in ("TSN", "TSN, seed 0"):
        assert [cell.cell_id for cell in find_states(tmp_path, name)] == [tsn.cell_id]
        assert find_record(name, Ledger(tmp_path / "ledger")).cell_id == tsn.cell_id
        assert chosen_cell(tmp_path, name).cell_id == tsn.cell_id
    before = old[1].cell_id
    assert [cell.cell_id for cell in find_states(tmp_path, before)] == [before]
    assert find_record(before, Ledger(tmp_path / "ledger")).cell_id == chosen_cell(tmp_path, before).cell_id == before
    with pytest.raises(UserError, match="no row is called"):
        chosen_cell(tmp_path, "TSM")


def test_a_finished_cell_does_not_hide_that_its_row_waits_for_other_data(tmp_path: Path) -> None:
    run(tmp_path, "one", BEFORE)
    waiting = made.a_cell("tsn", fingerprint="two")
    add_to_plan(tmp_path, [waiting.planned()])
    found = {cell.method: (cell.cell_id, cell.state) for cell in states(tmp_path).cells}
    assert found["tsn"] == (waiting.cell_id, "waiting") and found["majority"][1] == "done"


def test_only_failed_cells_that_count_are_tried_again(tmp_path: Path) -> None:
    run(tmp_path, "one", BEFORE)
    old = made.a_cell("tsm", fingerprint="one")
    add_to_plan(tmp_path, [old.planned()])
    made.failed(old).write(tmp_path / "ledger")
    run(tmp_path, "two", AFTER)
    assert [cell.state for cell in states(tmp_path).cells if cell.method == "tsm"] == []
    assert [cell.state for cell in states(tmp_path).set_aside if cell.method == "tsm"] == ["failed"]
