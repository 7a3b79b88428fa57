import numpy as np
import pytest

from fgsgl.data import datasets
from fgsgl.records.protocol import SEALED, Protocol
from fgsgl.report.board.board import read_board
from fgsgl.report.board.published import SHARES, published, published_notes
from fgsgl.report.render.tables import markdown
from fgsgl.util.escaping import markdown_text


def plain(dataset, **changes):
    return Protocol(**{"dataset": dataset, "preset": "official", "epochs": 20} | changes)


def test_every_number_has_a_source_and_is_a_percentage():
    table = published(map(plain, ("smg", "imigue", "ma52")))
    assert set(table["dataset"]) == {"smg", "imigue", "ma52"} <= set(datasets.names())
    values = table[list(SHARES)].to_numpy()
    assert ((values > 1) & (values < 100) | np.isnan(values)).all()
    assert not np.isnan(values).all(axis=1).any(), "every row has a number"
    assert (table["source"] != "").all() and (table["method"] != "").all()


@pytest.mark.parametrize("dataset", ["smg", "imigue", "ma52"])
def test_they_stand_under_the_board_and_in_no_number_of_it(ledger, dataset):
    ledger.dataset = dataset
    ledger.fill(seeds=6)
    board = read_board(ledger.folder)
    assert set(board.published["dataset"]) == {dataset} and len(board.table) == 6
    assert set(board.table["family"].dropna()) == {3}
    above, _, below = markdown(board).partition("## Published elsewhere")
    for row in board.published.itertuples():
        assert f"| {markdown_text(row.method)} | " in below and markdown_text(row.caveat) in below
        assert markdown_text(row.source) in below and markdown_text(row.source) not in above
    assert f"{len(board.published)} published numbers" in below and "None was measured here" in below


def test_synmg_has_none(ledger):
    ledger.fill(seeds=1)
    board = read_board(ledger.folder)
    assert board.published.empty and "Published" not in markdown(board)


@pytest.mark.parametrize(
    "change", [{"transfer": "smg:official:0"}, {"unseen": 4}, {"shots": 8}, {"long_tail": 10.0}, {"evaluation": SEALED}]
)
def test_none_stand_beside_what_was_trained_or_scored_on_other_clips(change):
    other, whole = plain("imigue", **change), plain("smg")
    assert published([other]).empty
    assert set(published([other, whole])["dataset"]) == {"smg"}


def test_derived_numbers_are_not_called_printed():
    (said, _), (printed, _) = (published_notes(published([plain(name)])) for name in ("imigue", "ma52"))
    assert "in percent as printed there, but for 2 derived from what is printed (their source says how); " in said
    assert "in percent as printed there; " in printed
