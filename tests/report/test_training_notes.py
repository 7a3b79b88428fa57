"""Notes on the trainings behind a board: what still rises, what learned little, and epochs of equal compute."""

from __future__ import annotations

import pytest

from fgsgl.report.board.board import read_board
from fgsgl.report.board.training_notes import late_gain


def curve(*top1: float) -> list[dict[str, float]]:
    return [{"epoch": epoch, "loss": 1.0, "val_top1": value} for epoch, value in enumerate(top1, start=1)]


def sentences(ledger, part: str) -> list[str]:
    return [sentence for sentence in read_board(ledger.folder).notes if part in sentence]


@pytest.mark.parametrize(
    ("top1", "gain"),
    [
        ((0.1, 0.3, 0.4, 0.45), 5.0),  # of four epochs the last
        ((0.1, 0.2, 0.3, 0.4, 0.42), 2.0),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.45), 5.0),  # of six the last two
        ((0.5, 0.4), -10.0),
        ((0.5,), None),
        ((), None),
    ],
)
def test_the_gain_is_that_of_the_last_fifth(top1: tuple[float, ...], gain: float | None) -> None:
    found = late_gain(curve(*top1))
    assert found is None if gain is None else found == pytest.approx(gain)


def test_epochs_without_a_validation_do_not_count() -> None:
    assert late_gain([{"epoch": 1, "loss": 1.0}, *curve(0.1, 0.2)[1:], {"epoch": 3, "loss": 1.0}]) is None


def test_rows_that_still_rise_are_named_with_their_mean_gain(ledger) -> None:
    ledger.fill(seeds=2)
    for seed in range(2):
        ledger.add("fgsgl", 2.4, seed=seed, curve=curve(0.1, 0.5, 0.5, 0.509))
        ledger.add("fgsgl", 2.0, "-fgsa", seed, curve=curve(0.1, 0.5, 0.5, 0.5))
        ledger.add("fgsgl", 2.1, "text=shuffled", seed, curve=curve(0.1, 0.5, 0.4, 0.41 + 0.02 * seed))
        ledger.add("tsm", 1.6, seed=seed, curve=curve(0.1, 0.2, 0.3, 0.4 - 0.04 * seed))
    (said,) = sentences(ledger, "Still rising")
    assert "mean over seeds: TSM +8.0, FG-SGL text=shuffled +2.0. With" in said
    assert not sentences(ledger, "One epoch of validation")


def test_a_training_of_one_epoch_tells_nothing(ledger) -> None:
    ledger.fill(seeds=1)
    for method, variant in (("fgsgl", "full"), ("fgsgl", "-fgsa"), ("fgsgl", "text=shuffled")):
        ledger.add(method, 2.4, variant, curve=curve(0.5, 0.5))
    ledger.add("tsm", 1.6, curve=curve(0.3))
    assert not sentences(ledger, "Still rising")
    assert sentences(ledger, "One epoch of validation does not tell whether training still rises: TSM.")


def test_trained_rows_below_twice_the_best_floor_are_named(ledger) -> None:
    ledger.fill(seeds=1)
    assert not sentences(ledger, "Below twice")
    floor = next(row.top1 for row in read_board(ledger.folder).table.itertuples() if row.kind == "floor")
    ledger.add_exact("tsn", 1.9 * floor)
    ledger.add_exact("tsm", 2.1 * floor)
    (said,) = sentences(ledger, "Below twice the best floor")
    assert said.endswith("% top-1): tsn.")


def test_equal_compute_is_said_with_the_epochs_of_each_method(ledger) -> None:
    ledger.fill(seeds=1)
    assert not sentences(ledger, "Equal compute")
    protocol = ledger.protocol(budget="compute")
    for method, epochs in (("fgsgl", 12), ("tsm", 6)):
        ledger.add(method, 2.0, protocol=protocol, budget_epochs=epochs)
    (said,) = sentences(ledger, "Equal compute: each method")
    assert "operations of FG-SGL's 12, at least 1" in said and said.endswith("Epochs: FG-SGL 12, TSM 6.")
