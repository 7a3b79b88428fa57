"""What a kill leaves behind: half a checkpoint, an empty pointer, a process without the command that started it."""

import subprocess
import sys
import time
from pathlib import Path

import made
import torch

from fgsgl.training.work_folder import MARKER, newest_checkpoint, prepare

STARTER = '''
import sys, time
from pathlib import Path
from fgsgl.running.executors import local
from fgsgl.training.cell_spec import CellSpec

cell = """\
from fgsgl.util.processes import follow_starter
follow_starter()
print(1, flush=True)
import time
time.sleep(60)
"""
local.cell_command = lambda spec: [sys.executable, "-c", cell]
started = local.Local(1).start(CellSpec.find(Path(sys.argv[1])))
print(started.ranks[0].pid, flush=True)
time.sleep(60)
'''


def test_a_cell_goes_on_from_its_newest_whole_checkpoint(tmp_path: Path) -> None:
    assert not prepare(tmp_path)
    for epoch in (9, 10, 11):
        torch.save({"epoch": epoch, "weights": torch.zeros(1000)}, tmp_path / f"epoch_{epoch}.pth")
    cut = tmp_path / "epoch_11.pth"
    cut.write_bytes(cut.read_bytes()[:2000])
    for pointer in ("", str(cut), "/where/it/was/epoch_9.pth"):
        (tmp_path / MARKER).write_text(pointer)
        assert prepare(tmp_path)
        assert (tmp_path / MARKER).read_text() == str(tmp_path / "epoch_10.pth")
    (tmp_path / MARKER).unlink()
    assert newest_checkpoint(tmp_path) is None, "the weights of a finished cell are no checkpoint to go on from"


def test_a_cells_process_ends_with_a_killed_command(tmp_path: Path, lives) -> None:
    made.spec(made.a_cell(), tmp_path).write()
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    pid = int(starter.stdout.readline())
    log, deadline_s = tmp_path / "log.txt", time.monotonic() + 60
    while not log.read_text() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert lives(pid), log.read_text()
    starter.kill()
    starter.wait()
    while lives(pid) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not lives(pid)
