"""`fgsgl status`, `why` and `retry` on a real board: five cells done, one failed, one running, one waiting."""

import dataclasses
import io
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import made
import pytest
from filelock import FileLock
from msgspec import structs
from rich.console import Console

from fgsgl.cli.main import main
from fgsgl.methods.cell import Variant
from fgsgl.records.ledger import Ledger
from fgsgl.records.protocol import default_protocol
from fgsgl.records.record import FAILURES
from fgsgl.report.report import show_board
from fgsgl.running.execution import Execution
from fgsgl.running.experiment import Experiment, run
from fgsgl.running.explain import ADVICE
from fgsgl.running.status import expected_end, states
from fgsgl.training.cell_spec import CellSpec
from fgsgl.training.outcome import failed_record

pytestmark = pytest.mark.usefixtures("without_figures")

HUGE = Variant(method="fgsgl", name="loss_fine=3e38", changes={"loss_fine": 3e38, "schedule": "joint"})


@pytest.fixture(scope="module")
def experiment(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Floors and ceilings, which end well, and a variant of FG-SGL whose first loss is infinite."""
    protocol = default_protocol("synmg", "smoke", batch_size=8, epochs=2)
    given = {"variants": (HUGE,), "protocol": protocol, "seeds": 1, "root": smoke}
    return Experiment(**given, execution=Execution(device="cpu"), out=tmp_path_factory.mktemp("status") / "board")


@pytest.fixture(scope="module")
def board(experiment: Experiment) -> Path:
    """Its folder, once it has run."""
    with made.without_figures():
        assert run(experiment, Console(width=140, file=io.StringIO()), show_board) == 1
    return experiment.out


@pytest.fixture
def copied(board: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(board, tmp_path / "board")


def cell_ids(folder: Path) -> dict[str, str]:
    return {record.method: cell_id for cell_id, record in Ledger(folder / "ledger").records().items()}


def test_the_matrix_tells_what_is_done_failed_running_and_waiting(copied: Path, capsys) -> None:
    ids = cell_ids(copied)
    (copied / "ledger" / f"{ids['majority']}.json").unlink()
    (copied / "ledger" / f"{ids['oracle_motion']}.json").unlink()
    work = copied / "work" / ids["oracle_motion"]
    (work / "progress.json").write_text(json.dumps({"phase": "train", "epoch": 1, "step": 3, "steps": 14}))
    with FileLock(work / "lock"):
        found = {cell.method: cell.state for cell in states(copied)[0]}
        assert main(["status", str(copied)]) == 0
    said = capsys.readouterr().out
    assert found == {
        "fgsgl": "failed", "majority": "waiting", "oracle_generous": "done", "oracle_motion": "running",
        "oracle_static": "done", "stratified_random": "done",
    }  # fmt: skip
    assert f"waiting {ids['majority'][:8]}" in said and f"nan {ids['fgsgl'][:8]}" in said, "ids to paste"
    assert "epoch 1/2" in said and "6 cells: 3 done, 1 running, 1 failed (1 nan), 1 waiting" in said
    assert f"{ids['fgsgl']} FG-SGL loss_fine=3e38, seed 0: nan: the loss is" in said
    assert "expected end: unknown" in said
    assert main(["status", str(copied)]) == 0
    assert "no cell is running" in capsys.readouterr().out


def test_a_sweep_that_has_no_board_yet_shows_its_trials(copied: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(copied, tmp_path / "sweep" / "trials")
    (tmp_path / "sweep" / "trials" / "plan.json").unlink()
    assert main(["status", str(tmp_path / "sweep")]) == 0
    assert "trials: 6 cells: 5 done, 1 failed (1 nan)" in capsys.readouterr().out
    cell_id = cell_ids(tmp_path / "sweep" / "trials")["fgsgl"]
    assert main(["why", str(tmp_path / "sweep"), cell_id]) == 0
    assert f"(cell {cell_id}): failed" in capsys.readouterr().out


def test_the_expected_end_follows_from_what_the_others_took(board: Path) -> None:
    done = next(cell for cell in states(board)[0] if cell.method == "stratified_random")
    running = dataclasses.replace(done, seed=1, state="running", record=None)
    waiting = dataclasses.replace(done, seed=2, state="waiting", record=None)
    other = dataclasses.replace(waiting, method="tsn")
    took_s, now = done.record.times_s["total"], datetime.fromisoformat(done.spec.started_utc)
    assert f"(in {timedelta(seconds=round(took_s))})" in expected_end([done, running], now)
    assert f"(in {timedelta(seconds=round(2 * took_s))})" in expected_end([done, running, waiting], now)
    late = expected_end([done, running, waiting, other], now + timedelta(hours=1))
    assert f"(in {timedelta(seconds=round(took_s))}), without 1 cell(s) of rows that have no finished one" in late


def test_why_tells_cause_log_and_cure(board: Path, capsys) -> None:
    ids = cell_ids(board)
    assert main(["why", str(board), ids["fgsgl"][:8]]) == 0
    said = capsys.readouterr().out
    assert f"FG-SGL loss_fine=3e38, seed 0 (cell {ids['fgsgl']}): failed" in said
    assert "cause, at attempt 1: nan: the loss is" in said and "in epoch 1, iteration 1" in said
    assert "started: 20" in said and "on: cpu" in said and "resumes from: the start" in said
    assert f"`fgsgl retry {board} --failed` runs it again" in said
    assert "Diverged: the loss is" in said.partition("log.txt\n")[2], "the log's last lines"
    assert main(["why", str(board), ids["majority"]]) == 0
    assert "(cell " in (said := capsys.readouterr().out) and "top-1: 3.8 %" in said and "never run again" in said
    assert main(["why", str(board), "FG-SGL loss_fine=3e38"]) == 0
    assert f"(cell {ids['fgsgl']}): failed" in capsys.readouterr().out
    assert set(ADVICE) == set(FAILURES)
    assert main(["why", str(board), "zz"]) == 2
    assert capsys.readouterr().err.startswith(f"error: no cell in {board} begins with 'zz'; it has 6: ")


def test_the_same_command_leaves_a_failure_that_is_a_result_as_it_is(board: Path, experiment: Experiment) -> None:
    before = {path: path.stat().st_mtime_ns for path in (board / "ledger").iterdir()}
    console = Console(width=140, file=io.StringIO())
    assert run(experiment, console, show_board) == 1
    assert {path: path.stat().st_mtime_ns for path in (board / "ledger").iterdir()} == before
    said = " ".join(console.file.getvalue().split())
    assert "1 cell(s) failed before (1 nan), which is their result" in said
    assert f"fgsgl retry {board} --failed does" in said


def test_retry_runs_the_chosen_failures_and_nothing_else(copied: Path, capsys) -> None:
    ids, ledger = cell_ids(copied), Ledger(copied / "ledger")
    floor = ids["stratified_random"]
    whole, diverged = ledger.get(floor), ledger.get(ids["fgsgl"])
    work = copied / "work" / floor
    spec = structs.replace(CellSpec.find(work), ledger=ledger.folder, work_dir=work)
    (ledger.folder / f"{floor}.json").unlink()  # a finished record is never overwritten
    failed_record(spec, "killed", "by signal 9", {}).write(ledger.folder)
    shutil.rmtree(work)  # the record holds the cell, and other cells know where the data lie
    assert main(["retry", str(copied), "--failed", "--class", "killed"]) == 0
    assert "1 of 2 failed cells (" in capsys.readouterr().out
    assert ledger.get(floor).predictions_sha256 == whole.predictions_sha256
    assert ledger.get(ids["fgsgl"]) == diverged
    assert main(["retry", str(copied), "Majority class"]) == 0
    assert "0 of 1 failed cells (1 nan) are run again" in capsys.readouterr().out
    assert main(["retry", str(copied)]) == 2
    assert "Name a row or a cell after the folder, or give --failed for all" in capsys.readouterr().err
    assert main(["retry", str(copied), "--failed"]) == 1, "it diverges again"
    assert ledger.get(ids["fgsgl"]).started_utc > diverged.started_utc
    assert main(["retry", str(copied), "--failed", "--devices", "3"]) == 2
    assert "--devices is 3, expected a number that divides the batch" in capsys.readouterr().err
    assert main(["retry", str(copied), "--failed", "--class", "kiled"]) == 2
    assert "unknown class of failures 'kiled'; did you mean killed" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "why", "retry"])
def test_a_folder_without_cells_is_refused(tmp_path: Path, command: str, capsys) -> None:
    more = {"why": ["0"], "retry": ["--failed"]}
    assert main([command, str(tmp_path), *more.get(command, [])]) == 2
    assert capsys.readouterr().err == (
        f"error: no cell in {tmp_path}; expected the folder (--out) of a run, an ablation or a sweep\n"
    )
