"""Leftovers of killed processes: temporary files, untidied checkpoints, a work folder that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import made
import pytest
import torch
from filelock import FileLock

from fgsgl.running.execution import Place
from fgsgl.running.leftovers import clear_leftovers
from fgsgl.running.scheduler import Plan, execute
from fgsgl.training.cell_spec import LOCK, CellSpec
from fgsgl.training.work_folder import MARKER
from fgsgl.util import files
from fgsgl.util.abandoned import remove_abandoned
from fgsgl.util.checkpoint_file import write_checkpoint
from fgsgl.util.files import write_whole

KILLED = """
import os, signal, sys
from pathlib import Path
from fgsgl.util import files
files.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write_whole(Path(sys.argv[1]), b"half")
"""


def killed_writer(path: Path) -> None:
    """A process that is killed before it renames what it has written."""
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -9


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    killed_writer(tmp_path / "record.json")
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".tmp"
    pid = left.name.split(".")[-2]
    mine = tmp_path / left.name.replace(pid, str(os.getpid()))
    elsewhere = tmp_path / f"record.json.00000000.{pid}.tmp"
    users = tmp_path / "notes.tmp"
    for path in (mine, elsewhere, users):
        path.touch()
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, elsewhere, users])
    for path in (mine, elsewhere, users):
        os.utime(path, (0, 0))
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, users]), "one of another machine is abandoned after a day"


def test_a_write_that_is_under_way_survives_another_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "fsync", lambda _: remove_abandoned(tmp_path))
    write_whole(tmp_path / "record.json", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_the_next_command_tidies_a_finished_cell_unless_another_one_holds_it(tmp_path: Path) -> None:
    place, cell = Place(out=tmp_path, root=tmp_path), made.a_cell()
    work_dir = place.work_dir(cell)
    work_dir.mkdir(parents=True)
    for epoch in (1, 2):
        content = {"meta": {"epoch": epoch}, "state_dict": {"weight": torch.ones(9)}, "optimizer": {}}
        write_checkpoint(work_dir / f"epoch_{epoch}.pth", content)
    (work_dir / MARKER).write_text("")
    killed_writer(work_dir / "epoch_3.pth")
    with FileLock(work_dir / LOCK):
        clear_leftovers([cell], place)
    assert {path.name for path in work_dir.iterdir()} == {LOCK, MARKER, "epoch_1.pth", "epoch_2.pth"}
    clear_leftovers([cell], place)
    assert {path.name for path in work_dir.iterdir()} == {LOCK, "epoch_2.pth"}


class Vanished:
    """A process whose work folder was deleted, and that ends without a record; ``Running``."""

    def poll(self) -> int:
        return 1

    def stop(self) -> None:
        """Nothing to stop."""


def test_a_cell_whose_work_folder_was_deleted_gets_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    from fgsgl.running.executors import local

    place = Place(out=tmp_path / "out", root=tmp_path / "data")
    cell = made.a_cell("majority", fingerprint="ffb0761b23e5563d")  # of SynMG quick, which is not made yet
    started: list[CellSpec] = []

    def start(spec: CellSpec, environment: object) -> Vanished:
        started.append(spec)
        shutil.rmtree(place.work_dir(cell))
        return Vanished()

    monkeypatch.setattr(local, "can_fork", lambda *_: False)
    monkeypatch.setattr(local, "start_here", start)
    plan = Plan([cell])
    execute(plan, place)
    assert plan.failed == [cell]
    assert place.ledger.get(cell.cell_id).failure.message.startswith("exit code 1; see ")
    (spec,) = started
    record = spec.record()
    assert record is not None
    assert record.status == "failed"
