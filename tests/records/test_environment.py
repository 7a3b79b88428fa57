"""What a record says of the code that made it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import fgsgl
from fgsgl.records.environment import GitState, git_state


def test_a_changed_source_is_dirty_and_a_changed_result_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fgsgl, "__file__", str(tmp_path / "fgsgl" / "__init__.py"))
    assert git_state() == GitState(git_commit=None, git_dirty=None)
    for name in ("fgsgl/__init__.py", "results/plan.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1")
    for words in ("init -q", "add -A", "-c user.name=x -c user.email=x@x commit -qm first"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True)
    for name, dirty in (("fgsgl/new.py", False), ("results/plan.json", False), ("fgsgl/__init__.py", True)):
        (tmp_path / name).write_text("2")
        assert git_state().git_dirty is dirty, name


def test_a_package_installed_inside_a_strangers_repository_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / ".venv" / "fgsgl" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.touch()
    for words in ("init -q", "add -A", "-c user.name=x -c user.email=x@x commit -qm first"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True)
    monkeypatch.setattr(fgsgl, "__file__", str(package))
    assert git_state() == GitState(git_commit=None, git_dirty=None)
