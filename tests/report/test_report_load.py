import json
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from fgsgl.records.ledger import load
from fgsgl.records.plan_file import PlanFile
from fgsgl.records.reading import read_record
from fgsgl.report.board.board import read_board
from fgsgl.report.render.latex import latex
from fgsgl.report.render.tables import csv, markdown
from fgsgl.util.errors import UserError

OPENED: list[Counter[str]] = []
"""Counts the files that Python opens, by name, while there is one: an audit hook cannot be taken away again."""


@sys.addaudithook
def _count(event, arguments):
    by_python = event == "open" and arguments[1] is not None  # by os.open, which an opener calls, it has no mode
    if OPENED and by_python and isinstance(arguments[0], (str, Path)):
        OPENED[-1][Path(arguments[0]).name] += 1


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(UserError, match="no record in"):
        load(tmp_path)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"schema": 99}, "schema version 99"),
        ({"surprise": 1}, "contains unknown field `surprise`"),
        ({"status": "fine"}, "cannot stand on a board"),
        ({"kind": "winner"}, "kind is 'winner'"),
        ({"seed": "0"}, "seed is '0'"),
        ({"metrics": {}}, "metrics.n_clips is missing"),
        ({"metrics": {"top1": 43.2}}, "metrics.top1 is 43.2"),
        ({"data": []}, "data is"),
        ({"protocol": {"dataset": "synmg"}}, "protocol.preset is missing"),
        ({"curve": [{"epoch": 1, "loss": float("nan")}]}, "cannot be read: JSON is malformed"),
        ({"status": "failed", "failure": None, "data": {"fingerprint": "f"}}, "failure is None"),
        ({"cell_id": "../../elsewhere"}, "names itself '../../elsewhere'"),
    ],
)
def test_a_record_that_cannot_stand_on_a_board_is_named(ledger, changes, says):
    record = ledger.add("tsm", 2.0)
    path = ledger.folder / "ledger" / f"{record.cell_id}.json"
    change(path, **changes)
    with pytest.raises(UserError) as caught:
        load(ledger.folder)
    assert says in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_record_is_the_same_in_a_report_and_by_itself(ledger):
    record = ledger.add("fgsgl", 2.0)
    path = ledger.folder / "ledger" / f"{record.cell_id}.json"
    (kept,), whole = load(ledger.folder), read_record(path)
    assert kept == whole == record and whole.metrics.by_score.keys() == {"category", "fine"}
    change(path, metrics=msgspec.to_builtins(record.metrics) | {"other": 1})
    with pytest.raises(UserError, match="contains unknown field `other`"):
        load(ledger.folder)


def test_a_damaged_record_or_plan_is_named(ledger):
    record = ledger.add("tsm", 2.0)
    records = load(ledger.folder)
    plan = ledger.folder / "plan.json"
    for text in ("{", "[]", '{"cells": [1]}', '{"cells": [{"cell_id": "a", "method": 3}]}'):
        plan.write_text(text)
        with pytest.raises(UserError, match="plan"):
            PlanFile.read(ledger.folder, records)
    path = ledger.folder / "ledger" / f"{record.cell_id}.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=record.cell_id):
        load(ledger.folder)


def opened(ledger):
    """How often each file of the ledger is opened while its board is read and its tables are written."""
    names = {path.name for path in (ledger.folder / "ledger").iterdir()}
    OPENED.append(Counter())
    try:
        board = read_board(ledger.folder)
        for write in (markdown, csv, latex):
            write(board)
    finally:
        counts = OPENED.pop()
    return {name: count for name, count in counts.items() if name in names}


@pytest.mark.parametrize("seeds", [2, 4])
def test_the_work_grows_with_the_records_and_what_is_checked_is_not_checked_again(ledger, seeds):
    ledger.fill(seeds=seeds)
    cells = load(ledger.folder)
    single = {f"{record.cell_id}.npz" for record in cells if record.kind != "method"}
    if seeds >= 3:  # the interval of FG-SGL over seeds and subjects
        single |= {f"{record.cell_id}.npz" for record in cells if record.row[:2] == ("fgsgl", "full")}
    first, again = opened(ledger), opened(ledger)
    assert len(cells) == 4 * seeds + 2 == len(first) / 2
    # A record once for its digest, since it has been read; predictions once to check it, once for an interval.
    assert {count for name, count in first.items() if name.endswith(".json")} == {1}
    assert {name: count for name, count in first.items() if name.endswith(".npz") and count > 1} == dict.fromkeys(
        single, 2
    )
    assert again == dict.fromkeys(single, 1)
