"""One damaged record, seen by every command: named in one line, and no reason to stop where the others are meant."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fgsgl.cli.main import main

COMMITTED = Path(__file__).resolve().parents[1] / "frozen" / "synmg-1"
COMMANDS = ("report", "contrast", "status", "why", "diff", "repro", "submit")


@pytest.fixture
def board(tmp_path: Path) -> Path:
    shutil.copytree(COMMITTED / "ledger", tmp_path / "board" / "ledger")
    shutil.copy(COMMITTED / "plan.json", tmp_path / "board")
    return tmp_path / "board"


def edited(**changes) -> Callable[[Path], object]:
    """Puts other values into a record; None takes one out."""

    def edit(path: Path) -> None:
        content = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))

    return edit


def again(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Makes something else in the place of a file."""

    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:500]),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "a list": lambda path: path.write_text("[]"),
    "null": lambda path: path.write_text("null"),
    "NaN": lambda path: path.write_text(path.read_text().replace('"top1": 0', '"top1": NaN, "x": 0')),
    "infinity": lambda path: path.write_text(path.read_text().replace('"top1": 0', '"top1": 1e999, "x": 0')),
    "deep": lambda path: path.write_text("[" * 100_000),
    "another status": edited(status="finished"),
    "a failure without its cause": edited(status="failed", failure={}),
    "a failure of no class": edited(status="failed", failure={"class": "gremlins", "message": "x"}),
    "a failure that is a text": edited(status="failed", failure="x"),
    "a protocol that is a text": edited(protocol="synmg"),
    "a protocol without a data set": edited(protocol={"preset": "quick"}),
    "no protocol": edited(protocol=None),
    "no hardware": edited(hardware=None),
    "no environment": edited(environment=None),
    "no start": edited(started_utc=None),
    "a start that is none": edited(started_utc="yesterday"),
    "no times": edited(times_s={}),
    "another schema": edited(schema=99),
    "another id": edited(cell_id="0123456789abcdef"),
    "a folder": again(Path.mkdir),
    "a pipe": again(os.mkfifo),
    "a link to itself": again(lambda path: path.symlink_to(path)),
    "a link to nothing": again(lambda path: path.symlink_to("nowhere")),
    "a device": again(lambda path: path.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_named_by_every_command(board: Path, damage: str, capsys) -> None:
    first, second, *_ = sorted((board / "ledger").glob("*.json"))
    DAMAGES[damage](first)
    named = {"why": [first.stem], "diff": [first.stem, second.stem], "repro": [first.stem], "submit": [first.stem]}
    for command in COMMANDS:
        code = main([command, str(board), *named.get(command, ())])
        said = capsys.readouterr()
        assert code == 2, (command, said)
        assert first.stem in said.out + said.err and "Traceback" not in said.err, (command, said)
        assert len(said.err.splitlines()) == 1, (command, said)


@pytest.mark.parametrize("damage", ["cut", "a pipe", "a failure of no class"])
def test_commands_on_other_cells_go_on(board: Path, damage: str, capsys) -> None:
    first, second, third, *_ = sorted((board / "ledger").glob("*.json"))
    DAMAGES[damage](first)
    assert main(["diff", str(board), second.stem[:10], third.stem]) == 0
    assert main(["why", str(board), second.stem]) == 0
    assert "top-1: " in capsys.readouterr().out
    assert main(["status", str(board)]) == 2
    said = capsys.readouterr()
    assert "15 cells: 15 done" in said.out and first.stem in said.err

    assert main(["diff", str(board), "no such row", third.stem]) == 2
    assert f"1 record(s) there cannot be read ({first.stem})" in capsys.readouterr().err


def test_a_record_without_versions_or_threads_is_explained(board: Path, capsys) -> None:
    first, *_ = sorted((board / "ledger").glob("*.json"))
    edited(environment={}, hardware={})(first)
    assert main(["why", str(board), first.stem]) == 0
    assert "on: unknown; code unknown" in capsys.readouterr().out
