"""The public face: its examples are true, importing it is instant, and it runs a board as the command line does."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import fgsgl
from fgsgl import api

ROOT = Path(__file__).resolve().parents[1]


def test_the_examples_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(api)
    assert found.attempted > 5 and found.failed == 0


def test_importing_the_package_imports_next_to_nothing() -> None:
    code = (
        "import fgsgl, sys; print(sum(name.startswith(('torch', 'numpy', 'pandas', 'rich')) for name in sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "0"


def test_every_name_is_offered() -> None:
    assert set(fgsgl.__all__) == set(api.__all__) <= set(dir(fgsgl))
    for name in fgsgl.__all__:
        assert getattr(fgsgl, name) is getattr(api, name)
    with pytest.raises(AttributeError, match="nope"):
        fgsgl.nope  # noqa: B018


def test_methods_run_on_a_data_set_and_give_a_board(
    smoke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = fgsgl.run(["majority"], preset="smoke", root=smoke, out=tmp_path / "b", device="cpu", quiet=True)
    assert "Majority class" in set(board.table["label"])
    assert capsys.readouterr().out == ""
    assert fgsgl.read_board(tmp_path / "b").table.equals(board.table)
