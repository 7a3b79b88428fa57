import struct

import numpy as np
import pytest

from fgsgl.errors import UserError
from fgsgl.report import figures
from fgsgl.report.board import read_board


def pixels(png):
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_every_figure_is_drawn(ledger):
    ledger.fill(seeds=2)
    images = figures.draw_all(read_board(ledger.folder))
    assert set(images) == {"accuracy", "learning-curves", "confusion-fg-sgl", "confusion-tsm", "per-class-difference"}
    for png in images.values():
        width, height = pixels(png)
        assert 600 <= width <= 2400 and 200 <= height <= 1600


def test_the_confusion_is_that_of_the_prediction_files(ledger):
    ledger.fill(seeds=2)
    drawn = dict(figures.confusions(read_board(ledger.folder)))["confusion-tsm"]
    shown_CC = drawn.axes[0].images[0].get_array()
    counts_CC = np.zeros((17, 17))
    for seed in range(2):
        predictions = ledger.predictions(1.6, seed)
        said_N = predictions.scores["combined"].astype(np.float32).argmax(axis=1)
        np.add.at(counts_CC, (predictions.labels, said_N), 1)
    present = counts_CC.sum(axis=1) > 0
    expected_CC = 100 * counts_CC[present] / counts_CC[present].sum(axis=1, keepdims=True)
    assert np.allclose(shown_CC[present], expected_CC) and np.ma.getmaskarray(shown_CC)[14].all()


def test_bars_are_the_mean_paired_differences_of_recall(ledger):
    ledger.fill(seeds=3)
    board = read_board(ledger.folder)
    (_, drawn), *_ = figures.per_class_difference(board)
    bars = drawn.axes[0].patches
    names = [row.label for row in board.table.itertuples() if row.kind == "method" and row.label != "FG-SGL"]
    recall = {
        row.label: np.mean([[c["recall"] or 0 for c in r.metrics["per_class"]] for r in board.scored[key]], axis=0)
        for row in board.table.itertuples()
        for key in board.scored
        if key == (row.method, row.variant, row.dataset, row.preset, row.protocol, row.kind)
    }
    present = [index for index in range(17) if index != 14]
    expected = np.concatenate([100 * (recall[name] - recall["FG-SGL"])[present] for name in names])
    assert np.allclose([bar.get_width() for bar in bars], expected)


def test_predictions_of_another_cell_are_refused_and_missing_ones_leave_their_figure_out(ledger):
    ledger.fill(seeds=1)
    first, second = ledger.add("tsm", 1.6), ledger.add("fgsgl", 2.4)
    path = ledger.folder / "ledger" / f"{first.cell_id}.npz"
    path.write_bytes((ledger.folder / "ledger" / f"{second.cell_id}.npz").read_bytes())
    with pytest.raises(UserError, match=f"{first.cell_id}.* are not those"):
        figures.draw_all(read_board(ledger.folder))
    path.unlink()
    assert "confusion-tsm" not in figures.draw_all(read_board(ledger.folder))
