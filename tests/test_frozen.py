"""What a user has today stays as it is: cell ids, protocol hashes, tables, and every spelling of an option.

A change of this file is a change for users: give the reason in the commit that makes it.
"""

import argparse
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fgsgl.ablations import run as ablations_run
from fgsgl.cli.main import build_parser
from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.method import Method, Recipe
from fgsgl.methods.registry import get
from fgsgl.records.ledger import Ledger
from fgsgl.records.record import Record
from fgsgl.report.ablations import render
from fgsgl.report.ablations.evaluate import ablations
from fgsgl.report.board.board import read_board
from fgsgl.report.render.tables import csv, markdown
from fgsgl.report.report import write_contrasts
from fgsgl.sweeps import optuna_search

ROOT = Path(__file__).resolve().parents[1]
LEDGERS = sorted(
    ledger for board in ("quick", "standard") for ledger in (ROOT / "results").glob(f"synmg-{board}/**/ledger")
)
"""Those of SynMG 1, whose text was SMG's."""
BESIDE = ("data-seed-1", "data-seed-2")
TABLES = ("leaderboard.csv", "leaderboard.md", "ablation.csv", "contrasts.csv")
YOUNGER_NOTES = ("- Still rising at the end of training",)
"""Beginnings of notes that came after the tables were committed; a table that is written anew has them."""
OPTIONS = json.loads((ROOT / "tests" / "frozen" / "options.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", LEDGERS, ids=lambda folder: str(folder.parent.relative_to(ROOT / "results")))
def test_committed_records_keep_their_cell_ids_and_protocol_hashes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the weights and the recipe that each names: both have changed for some methods since SynMG 1."""
    records = Ledger(folder).records().values()
    assert records
    for record in records:
        monkeypatch.setattr("fgsgl.methods.cell.get", lambda name, record=record: as_recorded(record))
        protocol = record.protocol
        changes = get(record.method).changes_in(record.config)
        variant = Variant(method=record.method, changes=changes)
        cell = Cell(
            variant=variant, protocol=protocol, seed=record.seed, fingerprint=record.data.fingerprint, text="smg"
        )
        assert (cell.cell_id, protocol.hash()) == (record.cell_id, record.protocol_hash), record.variant


def as_recorded(record: Record) -> Method:
    recipe = Recipe(**record.config.recipe) if record.config.recipe else None
    start = record.pretraining
    return dataclasses.replace(get(record.method), pretraining=lambda protocol, settings: start, recipe=recipe)


@pytest.fixture
def copied(tmp_path: Path):
    """Copies what a board is made from, its records and plan, into an empty folder."""

    def copy(board: str) -> Path:
        committed, folder = ROOT / "results" / board, tmp_path / board
        shutil.copytree(committed / "ledger", folder / "ledger")
        shutil.copy(committed / "plan.json", folder)
        return folder

    return copy


@pytest.mark.parametrize("board", ["synmg-quick", "synmg-standard"])
def test_the_tables_of_committed_boards_come_out_byte_for_byte(board: str, copied) -> None:
    """``contrasts.csv`` holds the main board against those of the other data seeds, where they lie beside it."""
    more = BESIDE if board == "synmg-quick" else ()
    folder = copied(board)
    made = read_board(folder)
    write_contrasts([folder, *(copied(f"{board}/{name}") for name in more)])
    texts = {"leaderboard.csv": csv(made), "leaderboard.md": markdown(made)}
    if designs := ablations(made):
        texts["ablation.csv"] = render.csv(designs)
    texts |= {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.csv")}
    committed = {name: path for name in TABLES if (path := ROOT / "results" / board / name).exists()}
    assert len(committed) == (4 if board == "synmg-quick" else 3)
    for name, path in committed.items():
        assert without_younger(texts[name]) == without_younger(path.read_text(encoding="utf-8")), name


def without_younger(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(YOUNGER_NOTES))


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command's parser by its name."""

    def below(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
        yield name, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for word, one in action.choices.items():
                    yield from below(f"{name} {word}", one)

    yield from below("fgsgl", build_parser())
    yield "sweeps/optuna_search.py", optuna_search.build_parser()
    yield "ablations/run.py", ablations_run.build_parser()


def test_every_option_is_still_accepted_with_its_default_and_its_choices() -> None:
    """More options, and other spellings beside the old ones, are no break."""
    known = {name: parser for name, parser in parsers()}
    for row in OPTIONS:
        actions = known[row["command"]]._actions
        for option in row["options"]:
            action = next((one for one in actions if option in one.option_strings or option == one.dest), None)
            assert action is not None, (row["command"], option)
            default = None if action.default is None or callable(action.default) else str(action.default)
            choices = None if action.choices is None else sorted(map(str, action.choices))
            assert (action.nargs, default, choices) == (row["nargs"], row["default"], row["choices"]), row


OLD_LINES = (
    ("ablations/run.py", "--disable fgsa --beside tsm --out results/demo", {"methods": ["tsm"]}),
    (
        "ablations/run.py",
        "--disable fgsa --disable text=shuffled --beside zero_shot_names",
        {"methods": ["zero_shot_names"]},
    ),
    ("sweeps/optuna_search.py", "", {"methods": ["fgsgl"], "jobs": None}),
    ("sweeps/optuna_search.py", "--method fgsgl tsm --trials 20", {"methods": ["fgsgl", "tsm"], "trials": 20}),
    ("sweeps/optuna_search.py", "--storage postgresql://host/studies --workers 1", {"jobs": 1}),
    (
        "fgsgl",
        "diff 02ac 08c4 --folder board",
        {"board": None, "folder": Path("board"), "one": "02ac"},
    ),
    (
        "fgsgl",
        "diff --folder board 02ac 08c4",
        {"board": None, "folder": Path("board"), "one": "02ac"},
    ),
    ("fgsgl", "diff a/1.json b/2.json", {"board": None, "folder": None, "one": "a/1.json", "other": "b/2.json"}),
    ("fgsgl", "diff board 02ac 08c4", {"board": Path("board"), "one": "02ac", "other": "08c4"}),
    ("fgsgl", "submit board --cell 02ac", {"folder": Path("board"), "cell": "02ac", "what": None}),
    ("fgsgl", "submit --cell 02ac board", {"folder": Path("board"), "cell": "02ac", "what": None}),
    ("fgsgl", "submit board 02ac", {"folder": Path("board"), "cell": None, "what": "02ac"}),
    ("fgsgl", "retry board --failed --class killed", {"failed": True, "classes": ["killed"], "what": None}),
    ("fgsgl", "why board 02ac", {"cell": "02ac"}),
)
"""Command lines as README, an issue or a board names them, the newest spelling beside the old ones."""


@pytest.mark.parametrize(("command", "line", "says"), OLD_LINES)
def test_command_lines_that_were_written_down_mean_the_same(command: str, line: str, says: dict[str, Any]) -> None:
    arguments = dict(parsers())[command].parse_args(line.split())
    assert {name: getattr(arguments, name) for name in says} == says


def test_one_import_registers_everything_with_mmaction2() -> None:
    config = (ROOT / "fgsgl" / "configs" / "fgsgl_synmg_quick.py").read_text(encoding="utf-8")
    assert "'imports': ['fgsgl.mmaction']" in config
