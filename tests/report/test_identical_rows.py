import dataclasses

import pytest
from msgspec import structs

from fgsgl.data import datasets
from fgsgl.records.predictions import read_predictions
from fgsgl.report.board.board import read_board
from fgsgl.training.cell_metrics import metrics_of


def same(ledger, sharpen=False):
    """FG-SGL and a switch that changes no answer, for two seeds; its scores too where ``sharpen``."""
    ledger.fill(seeds=2)
    for seed in range(2):
        record = ledger.add("fgsgl", 2.4, "-guidance", seed)
        if sharpen:
            predictions = ledger.predictions(2.4, seed)
            squared_NC = predictions.scores["combined"] ** 2
            predictions.scores["combined"] = squared_NC / squared_NC.sum(axis=1, keepdims=True)
            ledger.put(structs.replace(record, metrics=metrics_of(predictions, datasets.get("synmg"))), predictions)


@pytest.mark.parametrize(
    "sharpen, says",
    [
        (False, "every score of seeds 0, 1 is the same to the bit: what differs between them did nothing."),
        (True, "every clip of seeds 0, 1 gets the same answer, from other scores."),
    ],
)
def test_a_switch_that_changes_no_answer_is_flagged(ledger, sharpen, says):
    same(ledger, sharpen)
    board = read_board(ledger.folder)
    (sentence,) = (line for line in board.notes if "gets the same answer" in line or "to the bit" in line)
    names, _, reading = sentence.partition(": ")
    assert set(names.split(", ")) == {"FG-SGL", "FG-SGL -guidance"} and reading == says
    table = board.table.set_index("label")["same_answers"]
    assert (table["FG-SGL"], table["FG-SGL -guidance"]) == ("FG-SGL -guidance", "FG-SGL")
    assert (table.drop(["FG-SGL", "FG-SGL -guidance"]) == "").all()


def test_equal_counts_are_no_equal_answers(ledger):
    """The same number right in every class, but of other clips."""
    ledger.fill(seeds=1)
    record = ledger.add("tsn", 1.6)
    predictions = read_predictions(ledger.folder / "ledger", record.cell_id)
    ledger.put(record, dataclasses.replace(predictions, clip_ids=predictions.clip_ids[::-1]))
    assert read_board(ledger.folder).identical == ()


def test_a_row_names_the_rows_it_is_identical_to_in_every_seed(ledger):
    ledger.fill(seeds=2)
    ledger.add("one", 2.4, seed=0)
    ledger.add("two", 2.4, seed=1)
    table = read_board(ledger.folder).table.set_index("label")["same_answers"]
    assert (table["FG-SGL"], table["one"], table["two"]) == ("one; two", "FG-SGL", "FG-SGL")
