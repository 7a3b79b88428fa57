"""Cells forked from a server end, are ended and are told apart as fresh processes are; the server imports nothing here.

A cell whose specification is a named pipe waits in the middle of its work until somebody ends it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import made
import pytest

import fgsgl
from fgsgl.running.executors import local, warm
from fgsgl.running.executors.local import LocalProcess, start_forked
from fgsgl.running.executors.warm import WarmServer
from fgsgl.training import cell_server
from fgsgl.util.processes import FOLLOW

SERVER = """
import sys
from fgsgl.training import cell_server
cell_server.prepared = lambda: {pages}
sys.exit(cell_server.main(int(sys.argv[1])))
"""
FIT, UNFIT = SERVER.format(pages=[]), SERVER.format(pages=None)
TELLING = """
import json, os, sys
from fgsgl.training import cell_server
cell_server.prepared = lambda: []

def tell(spec):
    print(json.dumps([os.getcwd(), sys.path[0], dict(os.environ)]), flush=True)
    os._exit(0)

cell_server._run = tell
sys.exit(cell_server.main(int(sys.argv[1])))
"""
STARTER = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(made.__file__).parent)!r})
import made
from fgsgl.running.executors import local, warm
warm.server_command = lambda control: [sys.executable, "-c", {FIT!r}, str(control), "-" * 1024]
cell = local.start_forked(made.spec(made.a_cell(), Path(sys.argv[1])))
while cell.poll() is None and cell.ranks[0].pid is None:
    time.sleep(0.02)
print(cell.ranks[0].pid, warm._server.process.pid, flush=True)
time.sleep(60)
"""


def server_command(control: int) -> list[str]:
    return [sys.executable, "-c", FIT, str(control), "-" * cell_server.TITLE_BYTES]


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of each test's own, for which Ctrl-C is what it is in a terminal: a background shell ignores it."""
    monkeypatch.setattr(warm, "server_command", server_command)
    monkeypatch.setattr(warm, "_server", None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
    if warm._server is not None:
        warm._server.control.close()
        warm._server.process.kill()
        warm._server.process.wait()


def until(found: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def waiting(work_dir: Path, method: str = "fgsgl") -> LocalProcess:
    """A cell that waits in the middle of its work."""
    work_dir.mkdir(exist_ok=True)
    (work_dir / "spec.json").unlink(missing_ok=True)
    os.mkfifo(work_dir / "spec.json")
    process = start_forked(made.spec(made.a_cell(method), work_dir))
    until(lambda: process.poll() is None and process.ranks[0].pid is not None)
    until(lambda: words(pid_of(process))[-1].endswith("spec.json"))
    time.sleep(0.2)
    return process


def pid_of(process: LocalProcess) -> int:
    return process.ranks[0].pid


def ended(process: LocalProcess) -> int:
    until(lambda: process.poll() is not None)
    return process.poll()


def words(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


def test_a_forked_cell_is_what_a_fresh_process_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = waiting(tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    other = waiting(tmp_path / "other", "majority")
    pids = [pid_of(cell), pid_of(other)]
    servers = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in pids}
    assert servers == {warm._server.process.pid}
    assert words(pids[1]) == [sys.executable, "-m", "fgsgl.training.run_cell", str(tmp_path / "other" / "spec.json")]
    assert words(warm._server.process.pid) == [sys.executable, "-m", "fgsgl.training.cell_server"]
    assert Path(f"/proc/{pids[1]}/cwd").resolve() == tmp_path
    assert {os.getpgid(pid) for pid in pids} == {os.getpgid(0)}
    files = {path.name: str(path.readlink()) for path in Path(f"/proc/{pids[1]}/fd").iterdir()}
    assert files.pop("0").startswith("pipe:") and files.pop("1") == files.pop("2") == str(
        tmp_path / "other" / "log.txt"
    )
    assert not [name for name in files.values() if name.startswith("socket:")], "it would hide the end of the server"
    (tmp_path / "other" / "spec.json").write_text("{}")
    assert ended(other) == 1 and "missing required field" in (tmp_path / "other" / "log.txt").read_text()
    cell.stop()
    assert not {path.name for path in Path("/proc").iterdir()} & set(map(str, pids))


def test_a_forked_cell_has_the_environment_and_folder_of_its_own_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "server_command", lambda control: [sys.executable, "-c", TELLING, str(control)])
    spec = made.spec(made.a_cell(), tmp_path)
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("FGSGL_CACHE", f"name=\udcff{number}")
        assert ended(start_forked(spec)) == 0
        told = json.loads((tmp_path / "log.txt").read_text().splitlines()[number])
        assert told == [str(folder), str(folder), {**os.environ, **local.cell_environment(spec), FOLLOW: "1"}]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGABRT])
def test_the_signal_that_ends_a_cell_is_its_exit_code(tmp_path: Path, number: signal.Signals) -> None:
    cell = waiting(tmp_path)
    os.kill(pid_of(cell), number)
    assert ended(cell) == -number
    if number == signal.SIGINT:
        assert (tmp_path / "log.txt").read_text().endswith("KeyboardInterrupt\n")


def test_a_cell_that_does_not_end_when_asked_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives) -> None:
    monkeypatch.setattr(local, "GRACE_S", 0.3)
    cell = waiting(tmp_path)
    os.kill(pid_of(cell), signal.SIGSTOP)
    until(lambda: Path(f"/proc/{pid_of(cell)}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    cell.stop()
    assert cell.poll() == -signal.SIGKILL and not lives(pid_of(cell))


def test_cells_end_with_a_killed_server_and_the_next_gets_another_one(tmp_path: Path, lives) -> None:
    cell, first = waiting(tmp_path / "one"), warm._server.process
    first.kill()
    assert ended(cell) == -signal.SIGKILL
    until(lambda: not lives(pid_of(cell)))
    other = waiting(tmp_path / "other")
    assert warm._server.process is not first
    other.stop()


def test_a_cell_that_is_ended_before_the_server_is_ready_never_starts(tmp_path: Path) -> None:
    made.spec(made.a_cell(), tmp_path).write()
    cell = start_forked(made.spec(made.a_cell(), tmp_path))
    cell.stop()
    assert cell.poll() == -signal.SIGTERM
    waiting(tmp_path / "other").stop()
    assert (tmp_path / "log.txt").read_text() == ""


def test_where_a_recognizer_cannot_be_forked_a_fresh_process_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "server_command", lambda control: [sys.executable, "-c", UNFIT, str(control), "-" * 1024])
    monkeypatch.setattr(local, "cell_command", lambda _: [sys.executable, "-c", "print('fresh'); exit(7)"])
    for _ in range(2):
        assert ended(start_forked(made.spec(made.a_cell("tsn"), tmp_path))) == 7
    assert (tmp_path / "log.txt").read_text() == "fresh\n" * 2
    waiting(tmp_path / "floor", "majority").stop()  # this one is forked
    monkeypatch.setattr(warm, "server_command", lambda _: [sys.executable, "-c", "exit(1)"])
    warm._server.control.close()
    warm._server.process.wait(60)
    assert ended(start_forked(made.spec(made.a_cell("tsn"), tmp_path))) == 7


def test_what_imports_may_read_makes_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"]}
    one = WarmServer(given)
    assert one.serves({**given, "FGSGL_CACHE": "elsewhere", "CUDA_VISIBLE_DEVICES": ""})
    assert not one.serves({**given, "OMP_NUM_THREADS": "2"}) and not one.serves({**given, "MKL_CBWR": "COMPATIBLE"})
    source = tmp_path / "__init__.py"
    source.touch()
    monkeypatch.setattr(fgsgl, "__file__", str(source))
    other = WarmServer(given)
    assert other.serves(given) and not one.serves(given)
    source.write_text("# changed")
    assert not other.serves(given)
    for started in (one, other):
        started.control.close()
        assert started.process.wait(60) == 0


def test_server_and_cell_end_with_a_killed_command(tmp_path: Path, lives) -> None:
    os.mkfifo(tmp_path / "spec.json")
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in starter.stdout.readline().split()]
    assert len(pids) == 2 and all(map(lives, pids))
    starter.kill()
    starter.wait()
    until(lambda: not any(map(lives, pids)))
