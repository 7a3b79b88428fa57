"""Searches on a real PostgreSQL server, which this test starts: ``make test-postgres``."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from fgsgl.records.optuna_storage import open_storage

pytestmark = pytest.mark.postgres

COMMAND = """\
import platform, sys
import fgsgl.records.optuna_storage
fgsgl.records.optuna_storage.HEARTBEAT_S, fgsgl.records.optuna_storage.GRACE_S = 1, 6
machine, *words = sys.argv[1:]
platform.node = lambda: machine
from fgsgl.sweeps.optuna_search import main
sys.exit(main(words))
"""
"""The command line as another machine would run it, with hearts that beat faster."""
RUN = ("--preset", "smoke", "--epochs", "4", "--batch-size", "8", "--device", "cpu", "--workers", "1", "--method",
       "linear_probe", "--trials", "5", "--seeds", "1", "--study", "shared")  # fmt: skip


def tool(name: str) -> str:
    """A program of PostgreSQL's: in ``$PG_BIN``, on the PATH, or where Debian has it, which is not on the PATH."""
    folders = (os.environ.get("PG_BIN"), os.environ["PATH"], *map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    found = shutil.which(name, path=os.pathsep.join(filter(None, folders)))
    assert found, f"no {name}; `make test-postgres` installs Debian's"
    return found


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An empty database, on a socket in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="fgsgl-postgres-") as name:
        folder, data, log = Path(name), f"{name}/data", f"{name}/log.txt"
        # PostgreSQL refuses to run as root
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(folder, user.pw_uid, user.pw_gid)

        def run(*words: str) -> None:
            subprocess.run(
                words, cwd=folder, user=user.pw_uid, group=user.pw_gid, check=True, stdout=subprocess.DEVNULL
            )

        run(tool("initdb"), "--pgdata", data, "--username", "search", "--auth", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={name} -c fsync=off"
        run(tool("pg_ctl"), "start", "--wait", "--pgdata", data, "--log", log, "--options", options)
        try:
            yield f"postgresql+psycopg://search@/postgres?host={name}"
        finally:
            run(tool("pg_ctl"), "stop", "--mode", "immediate", "--pgdata", data)


@pytest.fixture
def start(url: str, smoke: Path, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen]]:
    """Starts the same command on a machine, in a session of its own."""
    started = []

    def run(machine: str) -> subprocess.Popen:
        words = [machine, *RUN, "--storage", url, "--root", str(smoke), "--out", str(tmp_path)]
        command = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(command)
        return command

    yield run
    for command in started:
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)
            command.wait()


def trials_of(url: str) -> list[FrozenTrial]:
    storage = open_storage(url)
    names = [study.study_name for study in storage.get_all_studies()]
    return optuna.load_study(study_name="shared", storage=storage).trials if "shared" in names else []


def running(url: str, machine: str) -> FrozenTrial | None:
    """The trial that a machine runs."""
    claimed = (trial for trial in trials_of(url) if trial.state == TrialState.RUNNING and "command" in trial.user_attrs)
    return next((trial for trial in claimed if trial.user_attrs["command"][0] == machine), None)


def wait_for(what: Callable[[], Any], *commands: subprocess.Popen) -> Any:
    """What the function returns once it is true, while the commands run."""
    deadline_s = time.monotonic() + 600
    while not (found := what()):
        assert time.monotonic() < deadline_s, "waited in vain"
        assert all(command.poll() is None for command in commands), commands[0].communicate()[0]
        time.sleep(0.2)
    return found


def test_two_machines_share_a_study_and_the_trial_of_a_dead_one_is_tried_again(
    url: str, start: Callable[[str], subprocess.Popen], tmp_path: Path
) -> None:
    def first_epoch() -> Path | None:
        trial = running(url, "one")
        cells = trial.user_attrs.get("cell_ids", ()) if trial else ()
        works = [tmp_path / "trials" / "work" / cell_id for cell_id in cells]
        return next((work for work in works if (work / "last_checkpoint").exists()), None)

    one = start("one")
    wait_for(lambda: running(url, "one"), one)
    two = start("two")
    wait_for(lambda: running(url, "two"), two, one)
    work = wait_for(first_epoch, one, two)
    os.killpg(one.pid, signal.SIGKILL)  # with its cell, as where the power goes
    said, _ = two.communicate(timeout=900)
    assert two.returncode == 0, said

    trials = trials_of(url)
    states = Counter(trial.state for trial in trials)
    assert states[TrialState.COMPLETE] + states[TrialState.PRUNED] == 5 and states[TrialState.FAIL] == 1
    (lost,) = (trial for trial in trials if trial.state == TrialState.FAIL)
    (again,) = (trial for trial in trials if trial.params == lost.params and trial is not lost)
    assert lost.user_attrs["command"][0] == "one" and again.user_attrs["command"][0] == "two"
    assert lost.user_attrs["cell_ids"] == again.user_attrs["cell_ids"] == [work.name]
    assert "resumed epoch: " in (work / "log.txt").read_text()

    records = [json.loads(path.read_text()) for path in (tmp_path / "trials" / "ledger").glob("*.json")]
    asked = [cell_id for trial in trials if trial is not lost for cell_id in trial.user_attrs["cell_ids"]]
    assert sorted(record["cell_id"] for record in records) == sorted(asked)
