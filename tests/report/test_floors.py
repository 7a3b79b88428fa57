import json

import pytest

from fgsgl.records.protocol import Protocol
from fgsgl.report.board.board import read_board
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
