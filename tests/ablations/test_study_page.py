"""The page about the study: what it says follows from the boards beside it, and it is the one that is committed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fgsgl.ablations.study import OUT, parts
from fgsgl.ablations.study_page import ANSWERS, BEGIN, Boards, Row, render, write
from fgsgl.records.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]


def row(difference: float, half_width: float, p: float) -> Row:
    return Row(label="FG-SGL w/o fgsa", n=5, mean=53.46, difference=difference, half_width=half_width, p=p)


def test_the_committed_page_and_the_readme_follow_from_the_committed_records() -> None:
    page = render(ROOT / OUT)
    assert page == (ROOT / OUT / "README.md").read_text(encoding="utf-8")
    answers = render(ROOT / OUT, ANSWERS)
    assert answers in (ROOT / "README.md").read_text(encoding="utf-8")
    assert sum(line.startswith("- ") for line in answers.splitlines()) == 5


@pytest.mark.parametrize(
    ("one", "text", "verdict"),
    [
        (row(-3.21, 1.04, 0.004), "53.5 % (−3.2 ± 1.0, p = 0.004)", "FG-SGL is 3.2 points better"),
        (row(3.21, 1.04, 0.0004), "53.5 % (+3.2 ± 1.0, p <0.001)", "FG-SGL is 3.2 points worse"),
        (row(-0.4, 1.2, 0.41), "53.5 % (−0.4 ± 1.2, p = 0.410)", "cannot be told from none; more than 1.6 points are"),
        (row(math.nan, math.nan, math.nan), "53.5 %", "not compared yet"),
    ],
)
def test_a_verdict_says_no_more_than_the_test_does(one: Row, text: str, verdict: str) -> None:
    assert one.text == text
    assert one.verdict.startswith(verdict)
    assert ("(not shown)" in one.against) == (not verdict.startswith("FG-SGL is"))


def test_numbers_are_those_of_the_boards_tables() -> None:
    boards = Boards(root=ROOT / OUT)
    table = boards.board(".").table.set_index("label")
    found = boards.row("FG-SGL w/o fgsa")
    assert found is not None
    assert found.mean == pytest.approx(100 * table.loc[found.label, "top1"])
    assert found.difference == pytest.approx(found.mean - 100 * table.loc["FG-SGL", "top1"])
    assert boards.row("no such row") is None


def test_validation_is_that_of_the_last_epoch_over_the_seeds() -> None:
    boards = Boards(root=ROOT / OUT)
    found = {label: (seeds, top1) for label, seeds, top1 in boards.validated("choice")}
    records = Ledger(ROOT / OUT / "choice" / "ledger").done().values()
    joint = [100 * record.curve[-1]["val_top1"] for record in records if record.variant == "schedule=joint"]
    assert found["FG-SGL schedule=joint"] == (len(joint), pytest.approx(np.mean(joint)))
    assert "Majority class" not in found and len(found) == 6


def test_a_study_that_has_not_begun_lists_its_commands(tmp_path: Path) -> None:
    page = render(tmp_path)
    assert all(f"`{' '.join(part.command([]))}`" in page for part in parts())


def test_the_answers_take_their_place_in_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n<!-- study: end -->\nafter\n", encoding="utf-8")
    (tmp_path / "study").mkdir()
    write(tmp_path / "study", readme)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
