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
EARLIER = Path(__file__).parent / "frozen" / "synmg-1"
"""A board of SynMG 1, whose text was SMG's: records of a year's commits, with the tables that they gave."""
LEDGERS = {EARLIER / "ledger": "smg"} | {path: "synmg" for path in sorted((ROOT / "results").glob("**/ledger"))}
"""Folders of committed records, with the text of their data."""
OPTIONS = json.loads((ROOT / "tests" / "frozen" / "options.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", LEDGERS, ids=lambda folder: str(folder.parent.relative_to(ROOT)))
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
            variant=variant,
            protocol=protocol,
            seed=record.seed,
            fingerprint=record.data.fingerprint,
            text=LEDGERS[folder],
            skeletons=record.skeletons or "",
        )
        assert (cell.cell_id, protocol.hash()) == (record.cell_id, record.protocol_hash), record.variant


def as_recorded(record: Record) -> Method:
    recipe = Recipe(**record.config.recipe) if record.config.recipe else None
    start = record.pretraining
    return dataclasses.replace(get(record.method), pretraining=lambda protocol, settings: start, recipe=recipe)


@pytest.mark.parametrize("ledger", LEDGERS, ids=lambda folder: str(folder.parent.relative_to(ROOT)))
def test_the_tables_of_committed_boards_come_out_byte_for_byte(ledger: Path, tmp_path: Path) -> None:
    committed, folder = ledger.parent, tmp_path / "board"
    shutil.copytree(ledger, folder / "ledger")
    shutil.copy(committed / "plan.json", folder)
    board = read_board(folder)
    texts = {"leaderboard.csv": csv(board), "leaderboard.md": markdown(board)}
    if designs := ablations(board):
        texts["ablation.csv"] = render.csv(designs)
    if committed == EARLIER:  # elsewhere it may hold other boards too
        write_contrasts([folder])
        texts["contrasts.csv"] = (folder / "contrasts.csv").read_text(encoding="utf-8")
    for name, text in texts.items():
        assert text == (committed / name).read_text(encoding="utf-8"), name


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
