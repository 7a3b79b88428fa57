"""Hostile text in every field of every record does nothing, in no command and in no file of a board."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import made
import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from fgsgl.cli.main import main
from fgsgl.records.predictions import Predictions
from fgsgl.records.record import Done, Failed, Pruned, Record, SkippedClip, scored_sha256

TEXT = "=1+1[/x][red]r\x1b[2J\x9b\u202e|`a`$x$https://e.x <script>alert(1)</script>\"'>\\input{/etc/passwd}&%#_\nnext"
PRINTABLE = "".join(filter(str.isprintable, TEXT))
NAMES = {"method", "variant"}
"""Fields that reading holds to printable text."""
FORMATS = (".md", ".csv", ".tex", ".html")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FIXED = {
    "status", "kind", "class", "cell_id", "protocol_hash", "started_utc", "predictions_sha256", "content_sha256",
    "autocast", "split", "scored_sha256", "split_sha256",
}  # fmt: skip
"""Fields that reading holds against a closed list, a hash or a time, which :mod:`tests.hostile` tries."""
CHOICES = {"dataset", "preset", "size", "evaluation", "sampling", "budget", "transfer"}
"""Fields of the protocol that are names from a list, or of a closed form."""


def hostile(value: Any, key: str = "") -> Any:
    """A plain value with other text in every place that takes text, names of settings and maps included."""
    if isinstance(value, dict):
        free = key in ("settings", "energy", "pointing")
        return {f"{TEXT}{name}" if free else name: hostile(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [hostile(part, key) for part in value]
    if not isinstance(value, str) or key in FIXED | CHOICES:
        return value
    return f"{PRINTABLE if key in NAMES else TEXT}{value}"


def made_hostile(record: Record) -> Any:
    """The record with hostile text in every field that takes text, those that it leaves open included."""
    content = hostile(msgspec.to_builtins(record))
    content["environment"] = {name: TEXT for name in content["environment"] if name != "git_dirty"}
    content["hardware"] |= {"device": TEXT, "cpu": TEXT, "gpu": TEXT, "unrepeatable": [TEXT]}
    found = msgspec.convert(content | {"skeletons": TEXT}, type(record))
    return replace(found, protocol_hash=found.protocol.hash())


@pytest.fixture
def board(ledger) -> Path:
    """A board whose cells, plan and logs say hostile text wherever they may; only FG-SGL and the floor are as usual."""
    ledger.classes, ledger.absent = tuple(f"{TEXT}{number}" for number in range(5)), ()
    for seed in range(2):
        ledger.add("fgsgl", 2.4, seed=seed)
        add_hostile(ledger, seed)
    ledger.add("majority", 0.0, kind="floor")
    made_hostile(ledger.add_failed("tsn", "full", 0, "error", "x")).write(ledger.folder / "ledger")
    own = {"protocol_hash": ledger.protocol().hash()}
    cells = [{"cell_id": TEXT, "method": "fgsgl", "variant": TEXT, "seed": 3, **own}]
    arms = [{"off": [], "variant": ""}, {"off": [TEXT], "variant": TEXT}]
    design = {"design": "one-out", "seeds": 2, "factors": [TEXT], "arms": arms, **own}
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": cells, "designs": [design]}))
    for path in (ledger.folder / "ledger").glob("*.json"):
        work = ledger.folder / "work" / path.stem
        work.mkdir(parents=True)
        (work / "log.txt").write_text(TEXT)
        (work / "progress.json").write_text(json.dumps({"phase": TEXT, "step": 1, "steps": 2}))
    return ledger.folder


def add_hostile(ledger, seed: int) -> None:
    """A finished cell under the board's own protocol, which a failed cell has in hostile words."""
    given = ledger.predictions(3.0, seed)
    clips, people = (np.char.add(TEXT, names) for names in (given.clip_ids, given.subjects))
    looks = made.localisation({"part": 0.2, "saliency": 0.1, "even": 0.03})
    plain = ledger.add("tsm", 3.0, seed=seed, localisation=looks, unfit_checkpoints=["x"])
    for path in (ledger.folder / "ledger").glob(f"{plain.cell_id}.*"):
        path.unlink()
    skipped = [SkippedClip(clip_id="x", split="test", reason="x")]
    plain = replace(plain, data=replace(plain.data, caveats=["x"], checked="x", name="x", skipped=skipped))
    record = made_hostile(plain)
    same = {"classes": list(ledger.classes), "fingerprint": plain.data.fingerprint}  # else it is set aside
    data = replace(record.data, split_sha256=scored_sha256(clips), **same)
    scores = {"combined": given.scores["combined"]}
    ledger.put(
        replace(record, data=data, protocol=plain.protocol),
        Predictions(clip_ids=clips, subjects=people, labels=given.labels, scores=scores),
    )


def harmless(said: str) -> None:
    assert "Traceback" not in said
    for line in said.splitlines():
        assert line.isprintable(), ascii(line)


def test_no_command_shows_more_than_text(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(path.read_text()) for path in sorted((board / "ledger").glob("*.json"))]
    by_status = {record["status"]: record["cell_id"] for record in records if PRINTABLE in record["method"]}
    (fgsgl, *_) = (record["cell_id"] for record in records if record["method"] == "fgsgl")
    folder, done, failed = str(board), by_status["done"], by_status["failed"]
    for shows, words in (
        (True, ["status", folder]), (True, ["why", folder, done]), (True, ["why", folder, failed]),
        (True, ["diff", folder, fgsgl, done]), (False, ["diff", folder, done, failed]), (False, ["contrast", folder]),
        (False, ["submit", folder, done]),
        (False, ["export", folder, "--out", f"{folder}/m.safetensors"]),
    ):  # fmt: skip
        code, said = main(words), capsys.readouterr()
        harmless(said.out + said.err)
        assert code == 0 or (code == 2 and said.err.count("\n") == 1), (words, code, said.err)
        assert not shows or "[/x]" in "".join(said.out.split()), (words, "markup is shown as text")


def test_no_file_of_the_board_holds_more_than_text(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (board, board.parent):
        assert main(["report", str(folder)]) == 0
        said = capsys.readouterr()
        harmless(said.out + said.err)
        assert "[/x]" in said.out and "figure left out" not in said.out
    paths = [*board.glob("*.*"), *(path for path in board.parent.iterdir() if path.is_file())]
    written = {path.name: path.read_text(encoding="utf-8") for path in paths if path.suffix in FORMATS}
    assert {"README.md", "index.html", *(f"leaderboard{ending}" for ending in FORMATS)} <= set(written)
    for name, text in written.items():
        assert not CONTROL.search(text), name
        assert "<script>alert" not in text or name.endswith((".csv", ".tex")), name
        assert "https://e.x" not in text or not name.endswith(".md"), name
        assert "\\input{/etc" not in text or not name.endswith(".tex"), name
    seen = 0
    for path in [*board.glob("*.csv"), *(board / "figures").glob("*.csv")]:
        for cell in itertools.chain(*csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))):
            seen += "1+1" in cell
            assert not cell.startswith(("=", "@", "\t", "\r")), (path.name, cell)
    assert seen > 10


@pytest.mark.parametrize("kind", [Done, Failed, Pruned])
def test_every_text_of_a_record_is_tried(kind: type[Record]) -> None:
    """So that a new field of text is either hostile here or said to be fixed."""
    of = {Done: made.done, Failed: made.failed, Pruned: made.pruned}[kind]
    before = msgspec.to_builtins(of(made.a_cell("tsm")))
    after = msgspec.to_builtins(made_hostile(of(made.a_cell("tsm"))))
    same = {name for name, value in before.items() if isinstance(value, str) and after[name] == value}
    assert same <= FIXED
