"""Ranks of one cell: they talk to nobody but each other, and one that is lost ends the others."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import made
import pytest

from fgsgl.running.executors import local
from fgsgl.running.executors.local import LocalProcess, start_here
from fgsgl.training.cell_spec import CellSpec
from fgsgl.training.ranks import new_store, remove_store

MEET = """
import os, sys, torch
from pathlib import Path
from torch import distributed
from fgsgl.training.distributed import join_processes
from fgsgl.training.ranks import rank_environment
first = os.fork() == 0  # both ranks have imported torch once
os.environ.update(rank_environment(0 if first else 1, 2, Path(sys.argv[1])))
join_processes("cpu", 2)
sum_ = torch.ones(1)
distributed.all_reduce(sum_)
os.write(1, f"{os.getpid()} {int(sum_)}\\n".encode())
sys.stdin.read()
"""
RANK = """
import os, signal, sys, time
from functools import partial
from pathlib import Path
from fgsgl.training.ranks import STORE, own_rank, remove_store
from fgsgl.util.processes import follow_starter
follow_starter(partial(remove_store, Path(os.environ[STORE])))
os.write(1, f"{own_rank()} {os.getpid()}\\n".encode())  # at once: both ranks write here
"""
STARTER = f"""
import sys, time
from pathlib import Path
from fgsgl.running.executors import local
from fgsgl.training.cell_spec import CellSpec
local.cell_command = lambda spec: [sys.executable, "-c", {RANK + "time.sleep(60)"!r}]
started = local.start_here(CellSpec.find(Path(sys.argv[1])), {{}})
print(started.store, flush=True)
time.sleep(60)
"""


def listening(pid: int) -> set[str]:
    """Addresses that a process accepts connections at, as the kernel writes them."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    sockets = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    rows = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
    ]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets}


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="the kernel tells no sockets here")
def test_ranks_meet_in_a_folder_of_ours_and_listen_on_the_loopback_interface_alone() -> None:
    store = new_store()
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700
    meeting = subprocess.Popen(
        [sys.executable, "-c", MEET, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "eth0"},
    )  # fmt: skip
    said = [meeting.stdout.readline().split() for _ in range(2)]
    assert [sum_ for _, sum_ in said] == ["2", "2"]
    assert [listening(int(pid)) for pid, _ in said] == [{"0100007F"}] * 2
    meeting.communicate("")
    remove_store(store)
    assert not store.parent.exists()


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], LocalProcess]:
    """Starts a cell of two ranks that run these lines."""

    def start(lines: str) -> LocalProcess:
        monkeypatch.setattr(local, "cell_command", lambda _: [sys.executable, "-c", RANK + lines])
        return start_here(made.spec(made.a_cell(), tmp_path, devices=2), {})

    return start


def ended(process: LocalProcess) -> int:
    deadline_s = time.monotonic() + 60
    while (code := process.poll()) is None and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert code is not None
    return code


def pids(work_dir: Path) -> dict[int, int]:
    """The process of each rank, once both have said so."""
    deadline_s = time.monotonic() + 60
    while len(lines := (work_dir / "log.txt").read_text().splitlines()) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return {int(rank): int(pid) for rank, pid in (line.split() for line in lines)}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("time.sleep(60 if own_rank() == 0 else 0.5); os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("time.sleep(60 if own_rank() == 1 else 0.5); sys.exit(2)", 2),
        ("time.sleep(60 if own_rank() == 1 else 0.5)", 0),
        ("time.sleep(0 if own_rank() == 1 else 0.5); sys.exit(75 * (own_rank() == 0))", 75),
    ],
)
def test_the_first_rank_to_end_decides_and_none_stays(
    two: Callable[[str], LocalProcess], tmp_path: Path, lives: Callable[[int], bool], lines: str, code: int
) -> None:
    process = two(lines)
    found = pids(tmp_path)
    assert found.keys() == {0, 1}
    assert ended(process) == code
    assert not any(lives(pid) for pid in found.values()) and not process.store.parent.exists()


def test_ranks_that_do_not_end_when_asked_are_killed(
    two: Callable[[str], LocalProcess], tmp_path: Path, lives: Callable[[int], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "GRACE_S", 0.5)
    process = two("time.sleep(60)")
    found = pids(tmp_path)
    for pid in found.values():
        os.kill(pid, signal.SIGSTOP)
    process.stop()
    assert not any(lives(pid) for pid in found.values()) and not process.store.parent.exists()


def test_ranks_and_their_meeting_point_end_with_a_killed_command(tmp_path: Path, lives: Callable[[int], bool]) -> None:
    made.spec(made.a_cell(), tmp_path, devices=2).write()
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    store = Path(starter.stdout.readline().strip())
    found = pids(tmp_path)
    assert CellSpec.find(tmp_path) is not None and all(lives(pid) for pid in found.values()) and store.parent.exists()
    starter.kill()
    starter.wait()
    deadline_s = time.monotonic() + 60
    while any(lives(pid) for pid in found.values()) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not any(lives(pid) for pid in found.values()) and not store.parent.exists()
