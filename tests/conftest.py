"""Data that several tests share: one small SynMG, rendered once a test run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of SynMG's smallest preset. Read-only: copy it before changing anything."""
    from fgsgl.data.synmg import make

    root = tmp_path_factory.mktemp("synmg") / "smoke"
    make.make(root, "smoke", 0, workers=2)
    return root


@pytest.fixture
def call(tmp_path: Path):
    """Runs a Python command line in an empty folder and returns what it said."""

    def run(*words: str | Path, expect: int = 0) -> subprocess.CompletedProcess:
        answer = subprocess.run(
            [sys.executable, *map(str, words)], cwd=tmp_path, capture_output=True, text=True, timeout=560
        )
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
