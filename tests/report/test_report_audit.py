import re

import pandas as pd
import pytest
from msgspec import structs

from fgsgl.records.record import Audit
from fgsgl.report.board.board import read_board
from fgsgl.report.report import report
from fgsgl.util.errors import UserError

CLEAN = Audit(clip_ids=0, subjects=0, videos=0, sentences=None)


def audits(board):
    return [sentence for sentence in board.notes if "udit of" in sentence]


def with_audit(record, audit):
    return {"data": structs.replace(record.data, audit=audit)}


def test_a_board_of_records_without_an_audit_says_so(ledger):
    ledger.fill(seeds=1)
    assert audits(read_board(ledger.folder)) == ["No audit of synmg quick: its records are older than the audit."]


def test_the_note_counts_what_the_splits_share(ledger):
    ledger.fill(seeds=1)
    record = ledger.add("tsm", 1.6)
    ledger.add("tsm", 1.6, **with_audit(record, CLEAN))
    assert audits(read_board(ledger.folder)) == [
        "Audit of synmg quick: no clip ids, no subjects and no file contents (SHA-256) stand in more than one split."
    ]
    ledger.add("fgsgl", 2.4, **with_audit(record, structs.replace(CLEAN, subjects=1, videos=2, sentences=0)))
    assert audits(read_board(ledger.folder)) == [
        "Audit of synmg quick: no clip ids, 1 subject and 2 file contents (SHA-256) stand in more than one split; no "
        "sentences of FG-Text say the name of their class. What is shared may make scores too good."
    ]


def test_the_note_counts_how_often_the_test_split_was_opened(ledger):
    ledger.add("majority", 0.0, kind="floor", test_openings=1)
    for seed, openings in enumerate((1, 2)):
        ledger.add("fgsgl", 2.4, seed=seed, test_openings=openings)
    said = "The test split of synmg quick was opened 4 times, to evaluate 3 cells."
    assert said in read_board(ledger.folder).notes
    ledger.add("tsm", 1.6)  # of an older version
    said = "The test split of synmg quick was opened at least 5 times, to evaluate 4 cells."
    assert said in read_board(ledger.folder).notes


def test_the_page_and_the_csv_have_the_counts(ledger, without_figures):
    ledger.fill(seeds=1)
    record = ledger.add("tsm", 1.6)
    ledger.add("tsm", 1.6, **with_audit(record, structs.replace(CLEAN, videos=3)))
    report(ledger.folder)
    table = pd.read_csv(ledger.folder / "leaderboard.csv", keep_default_na=False).set_index("method")
    assert table["audit"]["tsm"] == "clip_ids 0, subjects 0, videos 3" and table["audit"]["majority"] == ""
    assert table["status"]["tsm"].endswith("splits share 3 file contents") and "share" not in table["status"]["fgsgl"]
    page = (ledger.folder / "leaderboard.html").read_text()
    shown = re.search(r'<table id="splits".*?</table>', page, re.DOTALL).group()
    assert re.findall(r">([^<>\n]+)</t[hd]>", shown) == [
        "synmg quick", "ab12cd34ef56ab78", "240", "12", "0", "0", "3", "–"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "audit", [{"clip_ids": 0}, structs.replace(CLEAN, videos=-1), structs.replace(CLEAN, subjects="<b>"), []]
)
def test_an_audit_that_is_none_is_refused(ledger, audit):
    ledger.fill(seeds=1)
    record = ledger.add("tsm", 1.6)
    ledger.add("tsm", 1.6, **with_audit(record, audit))
    with pytest.raises(UserError, match=r"cannot stand on a board: data\.audit"):
        read_board(ledger.folder)
