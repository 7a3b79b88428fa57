import io
import json
import shlex

import made
import pytest
from rich.console import Console

from fgsgl.cli.main import build_parser
from fgsgl.cli.options import protocol_of, root_of
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.report.board.board import read_board
from fgsgl.report.board.floors import completing_command, missing_floors
from fgsgl.report.report import show_board
from fgsgl.util.errors import UserError

TOWER = {"protocol": Protocol(dataset="synmg", preset="quick", epochs=12, backbone="ViT-B-16")}


def missing(ledger):
    return [sentence for sentence in read_board(ledger.folder).notes if sentence.startswith("Not on this board")]


def test_a_board_without_any_floor_is_refused(ledger):
    ledger.add("tsm", 2.0)
    with pytest.raises(UserError, match="synmg quick has no floor"):
        read_board(ledger.folder)


def test_a_missing_floor_is_named_with_the_command_that_adds_it(ledger):
    ledger.fill(seeds=3)
    protocol = ledger.add("tsm", 1.6).protocol_hash
    (sentence,) = missing(ledger)
    assert sentence.startswith(f"Not on this board (protocol {protocol}): stratified random, which")
    assert "`fgsgl run --dataset synmg --preset quick --methods stratified_random --seeds 3`" in sentence
    ledger.add("stratified_random", 0.0, kind="floor")
    assert missing(ledger) == []


@pytest.mark.parametrize(
    "pretraining, wanted",
    [("ViT-B-16:openai", True), ("ViT-B-16@0a1b2c3d4e5f", True), ("ViT-B-16-SigLIP:webli", False), ("none", False)],
)
def test_methods_on_the_tower_want_the_linear_probe(ledger, pretraining, wanted):
    for method in ("majority", "stratified_random"):
        ledger.add(method, 0.0, kind="floor", **TOWER)
    for seed in range(2):
        ledger.add("fgsgl", 2.4, seed=seed, pretraining=pretraining, **TOWER)
    found = missing(ledger)
    assert len(found) == wanted
    if wanted:
        assert "linear probe on the frozen tower's features" in found[0]
        assert "--methods linear_probe --seeds 2" in found[0]
    row = {"cell_id": "0123456789abcdef", "method": "linear_probe", "variant": "full", "seed": 0}
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": [row]}))
    assert missing(ledger) == [], "a planned probe is on the board"


def test_floors_are_those_of_a_protocol(ledger):
    ledger.fill(seeds=1)
    ledger.add("stratified_random", 0.0, kind="floor")
    other = ledger.add("tsm", 1.9, protocol=ledger.protocol(epochs=13)).protocol_hash
    (sentence,) = missing(ledger)
    assert f"protocol {other}" in sentence and "majority class, stratified random" in sentence


def test_the_command_under_a_printed_board_means_its_protocol_data_and_folder(ledger, tmp_path):
    """It can be pasted as it is: it plans what is missing with the options that the board's cells ran with."""
    table = tmp_path / "my clips.csv"
    table.touch()
    protocol = default_protocol(
        "csv", epochs=1, batch_size=8, skip_bad=True, label_smoothing=0.1, image_size=224, sampling="class_balanced"
    )
    ledger.dataset = "csv"
    ledger.add("majority", 0.0, kind="floor", protocol=protocol)
    ledger.add("fgsgl", 2.4, seed=2, protocol=protocol)
    ledger.add("fgsgl", 2.4, seed=0, protocol=protocol)
    found = {}
    for known in (False, True):
        if known:
            for path in (ledger.folder / "ledger").glob("*.json"):
                (ledger.folder / "work" / path.stem).mkdir(parents=True)
                made.spec(made.a_cell(protocol=protocol), ledger.folder / "work" / path.stem, root=table).write()
        board = read_board(ledger.folder)
        (missing,) = missing_floors(board.table, board.scored)
        program, *words = shlex.split(completing_command(missing, ledger.folder))
        assert program == "fgsgl"
        found[known] = arguments = build_parser().parse_args(words)
        assert protocol_of(arguments) == protocol and arguments.out == ledger.folder and arguments.seeds == 3
        assert arguments.methods == ["stratified_random", "linear_probe"][: len(arguments.methods)]
    assert root_of(found[True]) == table and root_of(found[False]) is None, "a board made elsewhere does not know"
    console = Console(width=80, file=io.StringIO())
    show_board(ledger.folder, console)
    assert f"to add {missing.names}: {completing_command(missing, ledger.folder)}" in console.file.getvalue()
