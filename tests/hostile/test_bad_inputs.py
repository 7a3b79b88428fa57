"""Hundreds of bad inputs over all commands: each ends in one line and exit code 2, or in a right value.

A sample of every kind runs always. ``make test-hostile`` runs all, and prints what became of each kind.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import bad_options
import bad_records
import bad_tables
import bad_videos
import bad_weights
import pytest
import sound_inputs
from commands import Commands
from trial import GOOD, Trial, tried

KINDS: dict[str, Callable[[Path], Iterable[Trial]]] = {
    "options": lambda sound: bad_options.option_trials(),
    "paths": lambda sound: bad_options.path_trials(),
    "settings": lambda sound: bad_tables.setting_trials(),
    "cells of a table": lambda sound: bad_tables.cell_trials(),
    "tables": lambda sound: bad_tables.table_trials(),
    "class files": lambda sound: bad_tables.class_file_trials(),
    "YAML": lambda sound: bad_tables.yaml_trials(),
    "FG-Text": lambda sound: bad_tables.fg_text_trials(),
    "videos": lambda sound: bad_videos.video_trials(),
    "folders": lambda sound: bad_videos.folder_trials(),
    "records": bad_records.record_trials,
    "forged records": bad_records.forged_record_trials,
    "files in a ledger": lambda sound: bad_records.ledger_file_trials(),
    "predictions": lambda sound: bad_records.predictions_trials(),
    "plans": bad_records.plan_trials,
    "copies of records": lambda sound: bad_records.copy_trials(),
    "weights": lambda sound: bad_weights.weight_trials(),
}
OF_A_BOARD = {"records", "forged records", "files in a ledger", "predictions", "plans", "copies of records"}
SAMPLE = 2
"""Trials of each kind that always run."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, commands: Commands) -> Path:
    """Sound inputs, ``data`` and ``board``, with what the board's commands say of them."""
    folder = tmp_path_factory.mktemp("sound")
    sound_inputs.make_data(folder / "data")
    shutil.copy(folder / "data" / bad_videos.VIDEO, folder / "data" / "sound.mp4")
    board = folder / "board"
    sound_inputs.make_board(board)
    plan = json.loads((board / "board" / "plan.json").read_text(encoding="utf-8"))
    ids = {f"{cell['method']}, {cell['variant']}, {cell['seed']}": cell["cell_id"] for cell in plan["cells"]}
    (board / "board.cells.json").write_text(json.dumps(ids), encoding="utf-8")
    for name in ("board", "status"):
        accepted = Trial(name=name, argv=bad_records.COMMANDS[name], right=lambda folder, said: True)
        outcome = tried(commands, accepted, board)
        assert outcome.verdict == "right", outcome.said
        shutil.copy(board / "stdout", board / f"{name}.sound")
    return folder


@pytest.mark.parametrize("argv", [bad_tables.CHECK, bad_options.RUN, bad_options.ABLATION], ids=lambda argv: argv[1])
def test_the_sound_inputs_are_accepted(sound: Path, commands: Commands, tmp_path: Path, argv: tuple[str, ...]) -> None:
    shutil.copytree(sound / "data", tmp_path / "try")
    outcome = tried(commands, Trial(name="sound", argv=argv, right=lambda folder, said: True), tmp_path / "try")
    assert outcome.verdict == "right", outcome.said


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "weights"])  # each of which imports torch
def test_a_sample_of_bad_inputs_is_refused_or_answered_rightly(
    kind: str, sound: Path, commands: Commands, tmp_path: Path
) -> None:
    trials = list(KINDS[kind](sound / "board"))
    step = max(1, len(trials) // SAMPLE)
    _, faults = outcomes(trials[::step][:SAMPLE], kind, sound, commands, tmp_path)
    assert not faults, "\n".join(faults)


@pytest.mark.hostile
@pytest.mark.parametrize("kind", KINDS)
def test_every_bad_input_is_refused_or_answered_rightly(
    kind: str, sound: Path, commands: Commands, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    counts, faults = outcomes(KINDS[kind](sound / "board"), kind, sound, commands, tmp_path)
    for name, count in {"tried": counts.total(), **counts}.items():
        record_property(name, count)
    if "HOSTILE_OUT" in os.environ:
        Path(os.environ["HOSTILE_OUT"], f"{kind}.txt").write_text("\n".join(faults), encoding="utf-8")
    assert not faults, f"{len(faults)} of {counts.total()}:\n" + "\n".join(faults)


def outcomes(
    trials: Iterable[Trial], kind: str, sound: Path, commands: Commands, tmp_path: Path
) -> tuple[Counter[str], list[str]]:
    """How many trials ended how, and one line for each that did not end well."""
    counts: Counter[str] = Counter()
    faults = []
    for trial in trials:
        folder = tmp_path / "try"
        shutil.copytree(sound / ("board" if kind in OF_A_BOARD else "data"), folder)
        outcome = tried(commands, trial, folder)
        counts[outcome.verdict] += 1
        if outcome.verdict not in GOOD:
            last = " | ".join(line for line in outcome.said.splitlines()[-3:] if line.strip())
            faults.append(f"{outcome.verdict}: {trial.name}: {last[:300]!r}")
        shutil.rmtree(folder)
    return counts, faults
