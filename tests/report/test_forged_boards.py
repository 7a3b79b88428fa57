"""Edited, exchanged and deleted records and predictions: none passes, and what does not fit is named."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fgsgl.cli.main import main
from fgsgl.records.predictions import read_predictions
from fgsgl.records.protocol import Protocol
from fgsgl.report.board.board import read_board
from fgsgl.util.errors import UserError

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def board(ledger):
    ledger.n_clips = 60
    ledger.fill(seeds=2)
    return ledger


def cells(board, method: str = "fgsgl", variant: str = "full") -> list[Path]:
    """The files of a row's records, by seed."""
    found = [(json.loads(path.read_text()), path) for path in (board.folder / "ledger").glob("*.json")]
    named = [
        (content["seed"], path)
        for content, path in found
        if (content["method"], content["variant"]) == (method, variant)
    ]
    return [path for _, path in sorted(named)]


def edit(path: Path, change: Edit, older: bool = True) -> None:
    """Edits a record by hand; as one that is older than the digest of its content, unless told otherwise."""
    content = json.loads(path.read_text())
    change(content)
    if older:
        del content["content_sha256"]
    path.write_text(json.dumps(content))


def refused(board, *says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_board(board.folder)
    assert all(text in str(caught.value) for text in says) and "\n" not in str(caught.value), str(caught.value)


NUMBERS: dict[str, Edit] = {
    "metrics.top1": lambda r: r["metrics"].update(top1=0.9),
    "metrics.top5": lambda r: r["metrics"].update(top5=0.123),
    "metrics.mean_class": lambda r: r["metrics"].update(mean_class=0.9),
    "metrics.macro_f1": lambda r: r["metrics"].update(macro_f1=0.9),
    "metrics.n_classes_present": lambda r: r["metrics"].update(n_classes_present=17),
    "metrics.per_class[3].recall": lambda r: r["metrics"]["per_class"][3].update(recall=0.987),
    "metrics.per_class[3].n": lambda r: r["metrics"]["per_class"][3].update(n=99),
    "metrics.by_score.fine.top1": lambda r: r["metrics"]["by_score"]["fine"].update(top1=0.9),
    "metrics.by_score.fine": lambda r: r["metrics"]["by_score"].pop("fine"),
    "metrics.group_top1": lambda r: r["metrics"].update(group_top1=0.9),
    "data.majority": lambda r: r["data"].update(majority=0.001),
    "data.n_subjects.test": lambda r: r["data"]["n_subjects"].update(test=40),
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_that_the_predictions_do_not_give_is_named(board, place: str) -> None:
    path = cells(board)[1]
    edit(path, NUMBERS[place])
    refused(board, path.stem, f"does not follow from its predictions: {place} is ")


IDENTITY: dict[str, Edit] = {
    "seed": lambda r: r.update(seed=7),
    "settings": lambda r: r["config"]["settings"].update(variant="better"),
    "display name": lambda r: r["config"].update(display_name="Mine"),
    "recipe": lambda r: r["config"].update(recipe={"lr": 1.0, "source": "none"}),
    "weights": lambda r: r.update(pretraining="ViT-L-14:openai"),
    "text": lambda r: r.update(text="0123456789abcdef"),
    "data": lambda r: r["data"].update(fingerprint="0123456789abcdef"),
    "method": lambda r: r.update(method="tsm"),
    "protocol": lambda r: r.update(
        protocol=r["protocol"] | {"epochs": 100},
        protocol_hash=Protocol(**r["protocol"] | {"epochs": 100}).hash(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", IDENTITY)
def test_a_record_whose_id_is_not_its_own_is_named(board, what: str) -> None:
    path = cells(board)[0]
    edit(path, IDENTITY[what])
    refused(board, path.stem, "its id does not follow from")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: r["protocol"].update(epochs=100), "protocol_hash is"),
        (lambda r: r.update(protocol_hash="0" * 16), "protocol_hash is '0000000000000000'"),
        (lambda r: r["protocol"].update(wings=2), "its protocol has the unknown key 'wings'"),
        (lambda r: r["config"].update(wings=2), "contains unknown field `wings`"),
        *(
            (lambda r, part=part: r[part].update(wings=2), "contains unknown field `wings`")
            for part in ("environment", "hardware", "metrics", "data", "cost")
        ),
        (lambda r: r["config"].update(recipe={"lr": 1e-3, "source": "x", "wings": 2}), "unknown key 'wings'"),
        (lambda r: r["config"].update(recipe={"lr": -1, "source": "x"}), "recipe.lr is -1"),
        (lambda r: r.update(seed=-1), "seed is -1"),
        (lambda r: r.update(started_utc="yesterday"), "started_utc is 'yesterday'"),
        (lambda r: r["times_s"].update(train=-5.0), "times_s"),
        (lambda r: r["times_s"].pop("total"), "times_s has no total"),
        (lambda r: r.update(variant="full\u202e"), "variant is 'full\\u202e', expected printable text"),
        (lambda r: r["curve"][2].pop("epoch"), "curve[2] is of epoch None, expected a whole number from 1"),
        (lambda r: r["curve"][0].update(epoch=0), "curve[0] is of epoch 0"),
        (lambda r: r["curve"][0].update(val_top1=1.5), "curve[0] has the val_top1 1.5, expected 0 to 1"),
        (lambda r: r["cost"].update(latency_ms=-1.0), "cost.latency_ms is -1.0"),
        (lambda r: r.update(peak_memory_mib=-1.0), "peak_memory_mib is -1.0"),
    ],
)
def test_a_record_that_cannot_be_is_named(board, change: Edit, says: str) -> None:
    path = cells(board)[0]
    edit(path, change)
    refused(board, path.stem, says)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["curve"][2].update(loss=0.001),
        lambda r: r["curve"].pop(),
        lambda r: r["times_s"].update(train=1.0),
        lambda r: r["cost"].update(latency_ms=0.1),
        lambda r: r["environment"].update(git_commit="d" * 40),
        lambda r: r["hardware"].update(gpu="A GPU"),
        lambda r: r.update(peak_memory_mib=1.0),
        lambda r: r.update(variant="better"),
    ],
)
def test_whatever_else_was_edited_shows_by_the_digest_of_the_content(board, change: Edit) -> None:
    path = cells(board)[0]
    edit(path, lambda r: r.update(seed=r["seed"]), older=False)
    read_board(board.folder)  # written anew, in another layout: the content is the same
    edit(path, change, older=False)
    refused(board, path.stem, "was changed after it was written")


def exchanged(path: Path, content: bytes) -> None:
    """Puts other predictions beside a record, and lets the record name them."""
    path.with_suffix(".npz").write_bytes(content)
    edit(path, lambda r: r.update(predictions_sha256=hashlib.sha256(content).hexdigest()))


@pytest.mark.parametrize("named", [False, True])
def test_predictions_of_another_seed_are_refused(board, named: bool) -> None:
    one, other = cells(board)
    content = other.with_suffix(".npz").read_bytes()
    exchanged(one, content) if named else one.with_suffix(".npz").write_bytes(content)
    refused(board, one.stem, "does not follow from" if named else "not those that its record names")


def test_two_records_whose_predictions_were_swapped_are_refused(board) -> None:
    one, other = cells(board)
    contents = [path.with_suffix(".npz").read_bytes() for path in (one, other)]
    exchanged(one, contents[1])
    exchanged(other, contents[0])
    refused(board, one.stem, other.stem)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: {"labels": (p.labels + 1) % 17}, "does not follow from its predictions: metrics"),
        (lambda p: {"labels": p.labels + 17}, "the labels span"),
        (lambda p: {"labels": p.labels.astype(float)}, "labels is float64"),
        (lambda p: {"clip_ids": np.char.add(p.clip_ids, "x")}, "are of other clips"),
        (lambda p: {"clip_ids": np.full_like(p.clip_ids, "x")}, "a clip is in it twice"),
        (lambda p: {"clip_ids": p.clip_ids[:-1]}, "clip_ids is"),
        (lambda p: {"score_combined": p.scores["combined"][:-1]}, "clip_ids is"),
        (lambda p: {"score_combined": p.scores["combined"][:, :2]}, "are no finite numbers"),
        (lambda p: {"score_combined": p.scores["combined"][:, 0]}, "no table of combined scores"),
        (lambda p: {"score_combined": p.scores["combined"].astype(str)}, "are no finite numbers"),
        (lambda p: {"score_combined": p.scores["combined"] * np.nan}, "are no finite numbers"),
        (lambda p: {"labels": None}, "'labels' is missing"),
        (lambda p: {"labels": np.array([object()] * 60)}, "expected plain values"),
    ],
)
def test_predictions_that_cannot_be_are_named(board, tmp_path: Path, change, says: str) -> None:
    path = cells(board)[0]
    whole = read_predictions(path.parent, path.stem)
    tables = {"clip_ids": whole.clip_ids, "subjects": whole.subjects, "labels": whole.labels}
    tables |= {f"score_{name}": scores for name, scores in whole.scores.items()} | change(whole)
    np.savez(tmp_path / "forged.npz", **{name: table for name, table in tables.items() if table is not None})
    exchanged(path, (tmp_path / "forged.npz").read_bytes())
    refused(board, path.stem, says)


@pytest.mark.parametrize("content", [b"", b"text", "half", "flipped"])
def test_damaged_predictions_are_named(board, content) -> None:
    path = cells(board)[0]
    whole = path.with_suffix(".npz").read_bytes()
    if content == "half":
        content = whole[: len(whole) // 2]
    if content == "flipped":
        content = whole[:2000] + bytes(byte ^ 255 for byte in whole[2000:2100]) + whole[2100:]
    exchanged(path, content)
    refused(board, path.stem, "npz cannot be read: ")


def test_a_packed_bomb_is_not_unpacked(board, monkeypatch) -> None:
    path = cells(board)[0]
    monkeypatch.setattr("fgsgl.records.predictions.MOST_BYTES", 100_000)
    packed = io.BytesIO()
    np.savez_compressed(packed, score_combined=np.zeros((1000, 1000), np.float32))
    exchanged(path, packed.getvalue())
    refused(board, path.stem, "unpack to")


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path), lambda path: path.symlink_to("/dev/zero")]
)
def test_what_is_no_regular_file_is_refused_at_once(board, suffix: str, make) -> None:
    path = cells(board)[0].with_suffix(suffix)
    path.unlink()
    make(path)
    if suffix == ".npz" and not path.exists():
        (row,) = (row for row in read_board(board.folder).table.itertuples() if row.label == "FG-SGL")
        assert "no predictions lie beside its record" in row.status and row.n_seeds == 0
    else:
        refused(board, path.stem, "cannot be read" if path.is_dir() or not path.exists() else "no regular file")


def test_a_row_without_predictions_has_no_numbers(board) -> None:
    path = cells(board)[1]
    path.with_suffix(".npz").unlink()
    made = read_board(board.folder)
    (row,) = (row for row in made.table.itertuples() if row.label == "FG-SGL")
    assert np.isnan(row.top1) and row.n_seeds == 0
    assert row.status.startswith("refused: ") and f"(seed 1, cell {path.stem})" in row.status


def test_a_board_without_the_predictions_of_its_floor_says_so(board) -> None:
    cells(board, "majority")[0].with_suffix(".npz").unlink()
    refused(board, "the floor of synmg quick is refused", "no predictions lie beside its record")


def test_a_copy_of_a_record_under_another_name_is_refused(board) -> None:
    path = cells(board)[0]
    shutil.copy(path, path.with_name("0123456789abcdef.json"))
    refused(board, "0123456789abcdef.json names itself")


def test_old_records_without_digests_are_checked_by_their_predictions_alone(board) -> None:
    for path in cells(board):
        edit(path, lambda r: (r.pop("predictions_sha256"), r.pop("text")))
    read_board(board.folder)
    edit_old = cells(board)[0]
    content = json.loads(edit_old.read_text())
    content["metrics"]["top1"] = 0.9
    edit_old.write_text(json.dumps(content))
    refused(board, edit_old.stem, "metrics.top1 is 0.9")


def test_a_file_changed_with_its_time_and_size_kept_is_checked_again(board) -> None:
    """The time of the last change of the inode cannot be set, so what was found before counts no longer."""
    path = cells(board)[0]
    edit(path, lambda r: None)
    read_board(board.folder)
    before = path.stat()
    text = path.read_text()
    digit = text.index('"top1": ') + len('"top1": 0.')
    path.write_text(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns
    refused(board, path.stem)


@pytest.mark.parametrize("command", ["report", "contrast", "repro", "why", "diff"])
def test_no_command_shows_a_forged_number_in_silence(board, command: str, capsys) -> None:
    one, other = cells(board)
    edit(one, NUMBERS["metrics.top1"])
    more = {"repro": [one.stem], "why": [one.stem], "diff": [one.stem, other.stem]}.get(command, [])
    code = main([command, str(board.folder), *more])
    said = capsys.readouterr()
    assert "metrics.top1 is 0.9" in said.out + said.err and code == (0 if command == "why" else 2)
    assert len(said.err.splitlines()) == (command != "why")
