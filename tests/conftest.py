"""What several tests share, made once a test run: one small SynMG, and whatever a test file lets be shared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import made
import pytest
from commands import Commands
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
RUN = ("-m", "fgsgl", "run", "--preset", "smoke", "--batch-size", "8", "--device", "cpu")
TIMED_OUT = 124


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of this test run, in place of the user's own."""
    folder = _base(tmp_path_factory) / "cache"
    os.environ["FGSGL_CACHE"] = str(folder)
    return folder


def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this test run, for all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """``shared(name, make)`` is a folder that ``make(folder)`` filled, once for all processes that run tests."""
    base = _base(tmp_path_factory)

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        path, made = base / name, base / f"{name}.made"
        with FileLock(base / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(path, ignore_errors=True)  # of a process that failed to make it
                make(path)
                made.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def smoke(shared: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The folder of SynMG's smallest preset, with its frame cache. Read-only: copy it before changing anything."""
    from fgsgl.data.cache.frame_cache import open_cache
    from fgsgl.data.synmg import make

    return shared("smoke", lambda root: open_cache(make.make(root, "smoke", 0, workers=2), 8, 112, workers=2))


@pytest.fixture(scope="session")
def board(smoke: Path, shared) -> Path:
    """A finished board of FG-SGL, TSN, the frozen tower, a skeleton method and the floors. Read-only."""

    def make(out: Path) -> None:
        methods = ("fgsgl", "tsn", "linear_probe", "zero_shot_descriptions", "stgcnpp")
        command = [*RUN, "--root", smoke, "--out", out, "--methods", *methods, "--epochs", "2"]
        answer = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert str(out / "leaderboard.html") in answer.stdout.replace("\n", "")

    return shared("board", make)


@pytest.fixture
def without_figures() -> Iterator[None]:
    """:func:`made.without_figures` for a whole test."""
    with made.without_figures():
        yield


@pytest.fixture(scope="session", autouse=True)
def outlined_letters() -> Iterator[None]:
    """:func:`made.with_outlined_letters` for all that a test draws in its own process."""
    with made.with_outlined_letters():
        yield


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """A process that runs commands of ours."""
    server = Commands()
    yield server
    server.close()


@pytest.fixture
def call(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, commands: Commands):
    """Runs a Python command line in an empty folder and returns what it said. ``-m fgsgl`` makes boards without
    figures."""

    def run(*words: str | Path, expect: int = 0) -> subprocess.CompletedProcess:
        argv = [*map(str, words)]
        if argv[:2] == ["-m", "fgsgl"]:
            said = tmp_path_factory.mktemp("said")
            code = commands.run(argv[1:], tmp_path, said, limit_s=560)
            told = [(said / name).read_text(encoding="utf-8") for name in ("stdout", "stderr")]
            answer = subprocess.CompletedProcess(argv, TIMED_OUT if code is None else code, *told)
        else:
            answer = subprocess.run([sys.executable, *argv], cwd=tmp_path, capture_output=True, text=True, timeout=560)
        assert answer.returncode == expect, answer.stdout + answer.stderr
        return answer

    return run


@pytest.fixture
def lives():
    """Whether a process is there, and not only as what its parent has not asked for yet."""

    def ask(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return ask
