"""Cells of an equal-compute budget from the command to the board."""

from __future__ import annotations

from pathlib import Path

import made
import pytest

from fgsgl.cli.main import main
from fgsgl.prediction.trained import trained_cell
from fgsgl.records.ledger import Ledger
from fgsgl.records.record import Done
from fgsgl.running.status import states
from fgsgl.training.work_folder import MARKER, newest_checkpoint

pytestmark = pytest.mark.usefixtures("without_figures")

EPOCHS = 4
"""Of a linear probe, whose step costs about half of FG-SGL's, where FG-SGL would train for two."""
RUN = (
    "run", "--preset", "smoke", "--batch-size", "8", "--epochs", "2", "--device", "cpu", "--no-ceilings", "--budget",
    "compute", "--methods", "linear_probe",
)  # fmt: skip


@pytest.fixture(scope="module")
def budget_board(smoke: Path, shared) -> Path:
    """A board of a linear probe under equal compute. Read-only."""

    def make(out: Path) -> None:
        with made.without_figures():
            assert main([*RUN, "--root", str(smoke), "--out", str(out)]) == 0

    return shared("budget-board", make)


def probe(board: Path) -> Done:
    (record,) = (one for one in Ledger(board / "ledger").done().values() if one.method == "linear_probe")
    return record


@pytest.mark.slow
def test_a_cheap_method_trains_longer_and_record_state_and_board_say_so(budget_board: Path) -> None:
    record = probe(budget_board)
    assert [row["epoch"] for row in record.curve] == [1, 2, 3, 4]
    assert (record.protocol.epochs, record.budget_epochs, record.epochs) == (2, EPOCHS, EPOCHS)
    assert record.selection["epoch"] == EPOCHS and record.curve[-1]["lr"] < record.curve[1]["lr"]
    floor = next(one for one in Ledger(budget_board / "ledger").done().values() if one.method == "majority")
    assert floor.budget_epochs is None
    assert {cell.method: cell.epochs for cell in states(budget_board).cells}["linear_probe"] == EPOCHS
    text = (budget_board / "leaderboard.md").read_text()
    assert "as many whole epochs as cost the operations of FG-SGL's 2" in text
    assert f"{record.config.display_name} {EPOCHS}." in text
    assert trained_cell(budget_board, record).state, "the weights of its own last epoch"


@pytest.mark.slow
def test_a_cell_without_its_record_goes_on_from_its_own_last_epoch(
    budget_board: Path, smoke: Path, tmp_path: Path, capfd
) -> None:
    out = tmp_path / "board"
    record = probe(budget_board)
    made.board_without(budget_board, out, record)
    (out / "work" / record.cell_id / MARKER).write_text("taken away when the cell ended")
    assert newest_checkpoint(out / "work" / record.cell_id).name == f"epoch_{EPOCHS}.pth"
    assert main([*RUN, "--root", str(smoke), "--out", str(out)]) == 0
    assert "3 cells, 2 already done" in capfd.readouterr().out
    assert probe(out).metrics == record.metrics


def test_a_protocol_without_counts_is_refused_before_anything_is_trained(smoke: Path, tmp_path: Path, capfd) -> None:
    words = [*RUN, "--root", str(smoke), "--out", str(tmp_path / "out"), "--num-frames", "6"]
    assert main(words) == 2
    said = capfd.readouterr().err.strip()
    assert "none for size quick, synmg-tiny, 6 frames of 112 px" in said and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()
