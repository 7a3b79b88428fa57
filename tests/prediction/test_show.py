"""Names from elsewhere do nothing where a prediction is shown."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from fgsgl.prediction import show
from fgsgl.prediction.recognizer import Prediction, Sentence
from fgsgl.util.terminal import PlainConsole

HOSTILE = "=1+1[/x][red]r\x1b[2J\x9b\u202e\nnext\r<b>"
PREDICTION = Prediction(
    video=HOSTILE,
    start_s=0.0,
    end_s=1.0,
    classes=(HOSTILE, f"{HOSTILE} too"),
    probabilities_C=np.array([0.75, 0.25]),
    frame_numbers=(0, 1),
    sentences=(Sentence(dimension=HOSTILE, text=HOSTILE, class_name=HOSTILE, similarity=0.5),),
)


@pytest.mark.parametrize("shown", [show.bars(PREDICTION, 2), show.timeline([PREDICTION])], ids=["bars", "timeline"])
def test_a_terminal_shows_text(shown) -> None:
    console = PlainConsole(file=io.StringIO(), width=200)
    console.print(shown)
    lines = console.file.getvalue().splitlines()
    assert all(map(str.isprintable, lines)) and any("[/x][red]r" in line for line in lines)


def test_json_says_the_same_and_holds_nothing_to_obey() -> None:
    said = show.json_text([PREDICTION], 2)
    assert all(map(str.isprintable, said.splitlines())) and all(map(str.isprintable, said.split("\n")))
    (one,) = json.loads(said)
    assert one["video"] == one["top"][0]["name"] == one["sentences"][0]["text"] == HOSTILE


def test_a_table_holds_no_formula() -> None:
    said = show.csv_text([PREDICTION], 2)
    assert all(map(str.isprintable, said.split("\n")))
    header, *rows = csv.reader(io.StringIO(said, newline=""))
    assert len(rows) == 2 and len(header) == len(rows[0])
    assert all(not cell.startswith("=") for row in rows for cell in row) and rows[0][0].startswith("'=1+1[/x]")
