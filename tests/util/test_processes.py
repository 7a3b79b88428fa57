"""Worker processes: every job done once a worker is killed, and none left behind by a killed parent."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from fgsgl.util.errors import UserError
from fgsgl.util.processes import DEATHS, spread


def square_and_die_once(marker: Path, job: int) -> int:
    if job == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job * job


def die(folder: Path, job: int) -> None:
    (folder / f"{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(folder: Path, job: int) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(60)


@pytest.mark.parametrize("chunk", [1, 3])
def test_what_a_killed_worker_was_at_is_done_again(tmp_path: Path, chunk: int) -> None:
    function = partial(square_and_die_once, tmp_path / "marker")
    assert list(spread("squaring", function, range(10), 2, chunk)) == [job * job for job in range(10)]
    assert (tmp_path / "marker").exists()


def test_a_job_that_kills_every_worker_is_given_up_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^squaring: a process was killed {DEATHS} times in a row"):
        list(spread("squaring", partial(die, tmp_path), range(2), 2))
    assert len(list(tmp_path.iterdir())) >= DEATHS


def test_processes_end_with_a_killed_parent(tmp_path: Path, lives) -> None:
    code = (
        "from functools import partial; from pathlib import Path; import test_processes; "
        "from fgsgl.util.processes import spread; "
        f"list(spread('sleeping', partial(test_processes.sleep, Path({str(tmp_path)!r})), range(2), 2))"
    )
    folder = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline_s = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2 and all(lives(pid) for pid in pids)
    parent.kill()
    parent.wait()
    while any(lives(pid) for pid in pids) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not any(lives(pid) for pid in pids)


def test_ctrl_c_while_workers_still_import_ends_without_a_word_of_theirs(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        f"(pathlib.Path({str(begun)!r}) / str(os.getpid())).touch()\ntime.sleep(1.5)\n\ndef start(): pass\n"
    )
    code = (
        "import slow\nfrom fgsgl.util.processes import spread\ntry:\n"
        "    list(spread('counting', abs, range(4), 2, start=slow.start))\n"
        "except KeyboardInterrupt:\n    print('interrupted')"
    )
    folders = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell in the background ignores Ctrl-C
    )  # fmt: skip
    deadline_s = time.monotonic() + 60
    while len(list(begun.iterdir())) < 3 and time.monotonic() < deadline_s:  # the process itself, and two workers
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert said == "interrupted\n" and process.returncode == 0


def test_a_script_without_a_main_guard_does_not_run_again_in_its_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from math import sqrt\nfrom fgsgl.util.processes import spread\n"
        "print('once')\nprint(list(spread('roots', sqrt, [1, 4, 9], 2)))\n"
    )
    answer = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert answer.stdout == "once\n[1.0, 2.0, 3.0]\n" and answer.stderr == ""
