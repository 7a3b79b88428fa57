"""What becomes of cells whose processes are killed, hang or find no room: real processes, which misbehave first."""

from __future__ import annotations

import dataclasses
import io
import os
import sys
import time
from pathlib import Path

import made
import pytest
from rich.console import Console

from fgsgl.data import datasets
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.protocol import SEALED, default_protocol
from fgsgl.running import capacity
from fgsgl.running.execution import Execution, Limits, Place
from fgsgl.running.executors import local
from fgsgl.running.progress import Live
from fgsgl.running.scheduler import Plan, execute
from fgsgl.training.cell_spec import CellSpec
from fgsgl.util.errors import UserError

RUN = ("-m", "fgsgl", "run", "--preset", "smoke", "--device", "cpu")
HEAD = """
import json, os, signal, sys, time
from pathlib import Path
path = Path(sys.argv[1])
spec = json.loads(path.read_text())
with (path.parent / "pids").open("a") as file:
    file.write(f"{os.getpid()}\\n")
"""
TAIL = """
from fgsgl.training.run_cell import main
sys.exit(main(path))
"""
ROW = '{"epoch": 1, "loss": 2.5, "val_top1": 0.1}\n'
HANG = f"(path.parent / 'curve.jsonl').write_text({ROW!r}); time.sleep(60)"
NO_ROOM = "raise OSError(28, 'No space left on device', 'epoch_1.pth')"


@pytest.fixture
def misbehave(monkeypatch: pytest.MonkeyPatch):
    """Makes each cell's process run some lines before it does its work."""

    def use(lines: str) -> None:
        def command(spec: CellSpec) -> list[str]:
            return [sys.executable, "-c", HEAD + lines + TAIL, str(spec.work_dir / "spec.json")]

        monkeypatch.setattr(local, "cell_command", command)
        monkeypatch.setattr(local, "can_fork", lambda _: False)

    return use


@pytest.fixture
def cells(smoke: Path) -> list[Cell]:
    """Two floors, which a process works off in a second."""
    protocol, dataset = default_protocol("synmg", "smoke"), datasets.get("synmg")
    table = dataset.load(smoke, "smoke", 0)
    return [
        Cell(
            variant=Variant(method=name), protocol=protocol, seed=0, fingerprint=table.fingerprint(),
            text=dataset.text(smoke),
        )
        for name in ("majority", "stratified_random")
    ]  # fmt: skip


def run(
    cells: list[Cell], smoke: Path, out: Path, jobs: int = 1, gpus: tuple[str, ...] = (), **limits: float
) -> tuple[Plan, Place, str]:
    """What is left of the plan, where its files lie, and what a person saw."""
    execution = Execution(device="cpu", limits=Limits(**limits))
    place = Place(out=out, root=smoke, execution=execution, jobs=jobs, gpus=gpus)
    plan, console = Plan(cells), Console(file=io.StringIO(), width=400)
    with Live(console, len(cells)) as live:
        execute(plan, place, live)
    return plan, place, console.file.getvalue()


def pids(place: Place, cell: Cell) -> list[int]:
    return [int(line) for line in (place.work_dir(cell) / "pids").read_text().split()]


def test_a_killed_cell_is_tried_again(cells: list[Cell], smoke: Path, tmp_path: Path, misbehave) -> None:
    misbehave("if spec['attempt'] < 3: os.kill(os.getpid(), signal.SIGKILL)")
    plan, place, said = run(cells[:1], smoke, tmp_path)
    record = place.ledger.get(cells[0].cell_id)
    assert plan.failed == [] and (record.status, record.attempts) == ("done", 3)
    assert len(pids(place, cells[0])) == 3
    for attempt in (1, 2):
        log = place.work_dir(cells[0]) / "log.txt"
        assert f"Majority class, seed 0: killed: by signal 9; see {log}; {attempt} of 2 retries" in said


def test_the_record_counts_each_opening_of_the_test_split(
    cells: list[Cell], smoke: Path, tmp_path: Path, misbehave
) -> None:
    misbehave(
        "from fgsgl.training import run_cell\n"
        "if spec['attempt'] < 2: run_cell.write_predictions = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    )
    sealed = dataclasses.replace(cells[0], protocol=dataclasses.replace(cells[0].protocol, evaluation=SEALED))
    _, place, _ = run([*cells[:1], sealed], smoke, tmp_path)
    records = [place.ledger.get(cell.cell_id) for cell in (cells[0], sealed)]
    assert [(record.attempts, record.test_openings) for record in records] == [(2, 2), (2, 0)]


def test_a_cell_that_is_always_killed_fails_with_its_attempts(
    cells: list[Cell], smoke: Path, tmp_path: Path, misbehave
) -> None:
    misbehave("os.kill(os.getpid(), signal.SIGTERM)")
    plan, place, _ = run(cells, smoke, tmp_path, jobs=2, retries=1)
    records = [place.ledger.get(cell.cell_id) for cell in cells]
    assert len(plan.failed) == 2 and not plan.open
    assert [(record.failure.kind, record.attempts) for record in records] == [("killed", 2)] * 2
    assert records[0].failure.message == f"by signal 15; see {place.work_dir(cells[0]) / 'log.txt'}"


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ("raise RuntimeError('a bug')", "error"),
        ("os.kill(os.getpid(), signal.SIGABRT)", "error"),
        ("raise MemoryError('DefaultCPUAllocator: can\\'t allocate memory')", "out_of_memory"),
    ],
)
def test_a_failure_of_the_method_is_a_result(
    cells: list[Cell], smoke: Path, tmp_path: Path, misbehave, lines: str, cause: str
) -> None:
    misbehave(lines)
    plan, place, _ = run(cells[:1], smoke, tmp_path)
    record = place.ledger.get(cells[0].cell_id)
    assert plan.failed == cells[:1] and (record.failure.kind, record.attempts) == (cause, 1)
    assert len(pids(place, cells[0])) == 1


def test_a_cell_out_of_time_is_ended_and_keeps_its_curve(
    cells: list[Cell], smoke: Path, tmp_path: Path, misbehave
) -> None:
    misbehave(HANG)
    plan, place, _ = run(cells[:1], smoke, tmp_path, cell_timeout_min=1.5 / 60)
    record = place.ledger.get(cells[0].cell_id)
    assert plan.failed == cells[:1] and record.failure.kind == "time_limit"
    assert record.failure.message.startswith("ended after 0.025 minutes (--cell-timeout)")
    assert record.curve == [{"epoch": 1, "loss": 2.5, "val_top1": 0.1}]
    with pytest.raises(ProcessLookupError):
        os.kill(pids(place, cells[0])[0], 0)


def test_a_full_disk_ends_everything_and_the_rest_goes_on_later(
    cells: list[Cell], smoke: Path, tmp_path: Path, misbehave
) -> None:
    misbehave(f"if spec['variant']['method'] == 'majority': time.sleep(1); {NO_ROOM}\n{HANG}")
    with pytest.raises(UserError, match=r"Majority class, seed 0: exit code 1.*the same command goes on from here"):
        run(cells, smoke, tmp_path, jobs=2)
    place = Place(out=tmp_path, root=smoke)
    assert place.ledger.get(cells[0].cell_id).failure.kind == "unwritable"
    assert place.ledger.get(cells[1].cell_id) is None, "it was ended, which says nothing about it"
    misbehave("")
    plan, place, _ = run(cells, smoke, tmp_path, jobs=2)
    assert plan.failed == [] and set(place.ledger.done()) == {cell.cell_id for cell in cells}


def test_without_room_no_cell_is_started(
    cells: list[Cell], smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "RESERVE_MIB", 2**40)
    with pytest.raises(UserError, match=r"MiB are free on the disk of .*, expected .*the same command goes on"):
        run(cells, smoke, tmp_path)
    assert not (tmp_path / "work").exists()


def test_after_the_hours_the_running_cells_end(cells: list[Cell], smoke: Path, tmp_path: Path, misbehave) -> None:
    misbehave("time.sleep(1)")
    plan, place, _ = run(cells, smoke, tmp_path, max_hours=0.5 / 3600)
    assert plan.open and [task.cell for task in plan.waiting] == cells[1:] and plan.failed == []
    assert list(place.ledger.done()) == [cells[0].cell_id]


def test_after_the_hours_a_line_says_what_is_left(smoke: Path, tmp_path: Path, call) -> None:
    answer = call(*RUN, "--root", smoke, "--out", tmp_path / "out", "--methods", "majority", "--max-hours", "1e-9")
    assert "5 of 5 cells are left after 1e-09 hours (--max-hours): the same command goes on" in answer.stdout


def test_what_another_command_has_run_to_a_failure_counts_here(
    cells: list[Cell], smoke: Path, tmp_path: Path, misbehave
) -> None:
    misbehave("raise RuntimeError('a bug')")
    _, elsewhere, _ = run(cells[1:], smoke, tmp_path / "elsewhere")
    failed = elsewhere.ledger.folder / f"{cells[1].cell_id}.json"
    misbehave(f"(Path(spec['ledger']) / {failed.name!r}).write_text(Path({str(failed)!r}).read_text())")
    (tmp_path / "here" / "ledger").mkdir(parents=True)
    plan, place, _ = run(cells, smoke, tmp_path / "here")
    assert plan.failed == cells[1:] and not place.work_dir(cells[1]).exists()
    misbehave("")
    plan, place, _ = run(cells, smoke, tmp_path / "here")  # it had failed before this one, which was asked for it
    assert plan.failed == [] and set(place.ledger.done()) == {cell.cell_id for cell in cells}


def test_a_clock_that_was_set_back_makes_no_old_failure_new(
    cells: list[Cell], smoke: Path, tmp_path: Path, misbehave
) -> None:
    misbehave("raise RuntimeError('a bug')")
    _, place, _ = run(cells[:1], smoke, tmp_path)
    record = place.ledger.folder / f"{cells[0].cell_id}.json"
    tomorrow_s = time.time() + 86_400
    os.utime(record, (tomorrow_s, tomorrow_s))
    misbehave("")
    plan, place, _ = run(cells[:1], smoke, tmp_path)
    assert plan.failed == [] and cells[0].cell_id in place.ledger.done()


def test_cells_at_a_time_see_one_gpu_each(cells: list[Cell], smoke: Path, tmp_path: Path, misbehave) -> None:
    misbehave("(path.parent / 'gpu').write_text(os.environ['CUDA_VISIBLE_DEVICES']); time.sleep(1); sys.exit(1)")
    _, place, _ = run(cells, smoke, tmp_path, jobs=2, gpus=("4", "7"))
    assert [(place.work_dir(cell) / "gpu").read_text() for cell in cells] == ["4", "7"]


def test_a_finished_record_stays(cells: list[Cell], smoke: Path, tmp_path: Path) -> None:
    _, place, _ = run(cells[:1], smoke, tmp_path)
    record = place.ledger.get(cells[0].cell_id)
    made.failed(cells[0], "killed", "").write(place.ledger.folder)
    assert place.ledger.get(cells[0].cell_id) == record
