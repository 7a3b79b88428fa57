"""What a kill leaves behind: half a checkpoint, an empty pointer, a process without the command that started it."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import made
import pytest
import torch

from fgsgl.records.curve import read_curve
from fgsgl.records.reading import read_record
from fgsgl.training import work_folder
from fgsgl.training.outcome import failed_record
from fgsgl.training.work_folder import (
    CURVE,
    FILE,
    MARKER,
    count_opening,
    newest_checkpoint,
    openings,
    passed_over,
    prepare,
    tidy,
    untidy,
)
from fgsgl.util.checkpoint_file import read_checkpoint, write_checkpoint

CELL = "a" * 16

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
local.can_fork = lambda spec: False
started = local.Local(1).start(CellSpec.find(Path(sys.argv[1])))
print(started.ranks[0].pid, flush=True)
time.sleep(60)
'''


def saved(folder: Path, *epochs: int) -> list[Path]:
    """Checkpoints of whole epochs, as a training leaves them."""
    paths = [folder / f"epoch_{epoch}.pth" for epoch in epochs]
    for epoch, path in zip(epochs, paths, strict=True):
        content = {
            "meta": {"epoch": epoch, "iter": 8 * epoch}, "state_dict": {"weight": torch.ones(40_000)}, "optimizer": {},
            "param_schedulers": [], "message_hub": {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}},
        }  # fmt: skip
        write_checkpoint(path, content)
    (folder / MARKER).write_text(str(paths[-1]))
    return paths


def zero(path: Path) -> None:
    """What a power loss may leave of a block that was never written to the disk."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(2**14))


def test_a_cell_goes_on_from_its_newest_whole_checkpoint(tmp_path: Path) -> None:
    assert not prepare(tmp_path, CELL)
    *_, ten, cut = saved(tmp_path, 9, 10, 11)
    cut.write_bytes(cut.read_bytes()[:2000])
    for pointer in ("", str(cut), "/where/it/was/epoch_9.pth"):
        (tmp_path / MARKER).write_text(pointer)
        assert prepare(tmp_path, CELL)
        assert (tmp_path / MARKER).read_text() == str(ten)
    (tmp_path / MARKER).unlink()
    assert newest_checkpoint(tmp_path) is None, "the weights of a finished cell are no checkpoint to go on from"


def test_a_zeroed_checkpoint_is_passed_over_and_the_record_says_so(tmp_path: Path) -> None:
    one, two = saved(tmp_path, 1, 2)
    zero(two)
    assert prepare(tmp_path, CELL)
    assert (tmp_path / MARKER).read_text() == str(one)
    spec = made.spec(made.a_cell(), tmp_path)
    (said,) = failed_record(spec, "error", "it failed", {}).unfit_checkpoints
    assert re.fullmatch(
        "epoch_2.pth: 'archive/data/0' has another checksum .*; the training went on from epoch_1", said
    )
    zero(one)
    assert not prepare(tmp_path, CELL)
    assert not (tmp_path / MARKER).exists()
    assert [line.rpartition("; ")[2] for line in passed_over(tmp_path)[1:]] == ["the training began anew"] * 2


def test_a_work_folder_copied_from_another_cell_is_not_resumed(tmp_path: Path) -> None:
    (path,) = saved(tmp_path, 1)
    write_checkpoint(path, {**read_checkpoint(path), "cell_id": "b" * 16})
    assert not prepare(tmp_path, CELL)


@pytest.mark.parametrize("keep", ["last", "best", "none"])
def test_a_kill_while_tidying_is_made_good_the_next_time(tmp_path: Path, keep: str, monkeypatch) -> None:
    _, last = saved(tmp_path, 1, 2)
    best = tmp_path / "best_acc_top1_epoch_1.pth"
    shutil.copy(last, best)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(work_folder, "write_checkpoint" if keep != "none" else "_strip", killed)
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            tidy(tmp_path, keep)
    assert untidy(tmp_path)
    for _ in range(2):
        tidy(tmp_path, keep)
        assert sorted(tmp_path.iterdir()) == {"last": [last], "best": [best], "none": []}[keep]
        assert not untidy(tmp_path)
    if keep != "none":
        assert read_checkpoint({"last": last, "best": best}[keep]).keys() == {"meta", "state_dict"}


def test_a_damaged_checkpoint_of_a_finished_cell_is_removed(tmp_path: Path) -> None:
    (path,) = saved(tmp_path, 1)
    zero(path)
    tidy(tmp_path, "last")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("torn", [b"", b"\0\0", b"-1\n", b"1_0\n", b"nan", "٣".encode()])
def test_a_torn_count_of_openings_is_not_known(tmp_path: Path, torn: bytes) -> None:
    protocol = made.PROTOCOL
    assert openings(tmp_path) == 0
    count_opening(protocol, tmp_path)
    count_opening(protocol, tmp_path)
    assert openings(tmp_path) == 2
    (tmp_path / FILE).write_bytes(torn)
    count_opening(protocol, tmp_path)
    assert openings(tmp_path) is None
    assert failed_record(made.spec(made.a_cell(), tmp_path), "error", "it failed", {}).test_openings is None


def test_torn_lines_of_a_curve_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / CURVE
    assert read_curve(path) == []
    whole = '{"epoch": 1, "loss": 2.5, "val_top1": 0.5}'
    torn = (
        '{"epoch": 2, "lo',
        "",
        "\0\0",
        "[1]",
        "null",
        '{"loss": 1.0}',
        '{"epoch": 3, "loss": NaN}',
        '{"epoch": "4"}',
    )
    path.write_bytes("\n".join([torn[0], whole, *torn]).encode() + b"\xff\n")
    assert read_curve(path) == [{"epoch": 1, "loss": 2.5, "val_top1": 0.5}]
    record = failed_record(made.spec(made.a_cell(), tmp_path), "error", "it failed", {})
    assert read_record(record.write(tmp_path)).curve == read_curve(path)


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
