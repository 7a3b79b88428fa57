"""`fgsgl submit` from finished cells on mock copies: formats, order, every clip once, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import io
import shutil
import zipfile
from pathlib import Path

import copies
import made
import numpy as np
import pytest
from msgspec.structs import replace

from fgsgl.cli.main import main
from fgsgl.data import datasets
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import Predictions, read_predictions, write_predictions
from fgsgl.records.record import Done, SkippedClip, scored_sha256
from fgsgl.util.errors import UserError


def board(root: Path, out: Path, *words: str) -> None:
    """A finished board of a copy."""
    given = ["--root", str(root), "--out", str(out), "--epochs", "1", "--device", "cpu", "--no-ceilings"]
    with made.without_figures():
        assert main(["run", *given, *words]) == 0


@pytest.fixture(scope="module")
def ma52(shared, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy whose hidden test clips are copies of the first validation clips, in reverse order; and its board."""

    def make(folder: Path) -> None:
        root = copies.ma52(folder / "MA-52")
        lines = (root / "val_list_videos.txt").read_text().splitlines()[:7][::-1]
        shutil.rmtree(root / "test")
        (root / "test").mkdir()
        for line in lines:
            shutil.copy(root / "val" / line.split()[0], root / "test")
        (root / "test_list_videos.txt").write_text("".join(f"{line.split()[0]} 0\r\n" for line in lines))
        board(root, folder / "board", "--dataset", "ma52", "--preset", "official")

    folder = shared("submit-ma52", make)
    return folder / "MA-52", shutil.copytree(folder / "board", tmp_path_factory.mktemp("ma52") / "board")


@pytest.fixture(scope="module")
def miga(shared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The board of a copy of iMiGUE with a test video of twelve clips."""

    def make(folder: Path) -> None:
        root = copies.imigue_miga(folder / "MiGA")
        labels = root / copies.MIGA_TABLES["test"] / "0004" / "0004_label.csv"
        labels.write_text("".join(f"{n % 31 + 1},{7 * n},{7 * n + 6}\n" for n in range(12)))
        board(root, folder / "board", "--dataset", "imigue", "--methods", "majority")

    return shutil.copytree(shared("submit-miga", make) / "board", tmp_path_factory.mktemp("miga") / "board")


def submit(folder: Path, *words: str | Path, expect: int = 0) -> None:
    assert main(["submit", str(folder), "--device", "cpu", *map(str, words)]) == expect


def record_of(folder: Path, method: str) -> Done:
    return next(record for record in Ledger(folder / "ledger").done().values() if record.method == method)


def rows_of(path: Path, name: str) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [name], "flat, with this one file"
        return list(csv.reader(io.StringIO(archive.read(name).decode())))


@pytest.mark.slow
def test_ma52_scores_the_hidden_clips_with_the_checkpoint(ma52, tmp_path: Path, capsys) -> None:
    root, folder = ma52
    submit(folder, "--out", tmp_path / "prediction.zip")
    said = capsys.readouterr().out
    assert "7 clips of FG-SGL, seed 0" in said and "the challenge has 5586 or 1138 clips" in said
    header, *rows = rows_of(tmp_path / "prediction.zip", "prediction.csv")
    assert header == ["vid", *(f"{level}_pred_{n}" for level in ("action", "body") for n in range(1, 6))]
    listed = [line.split()[0] for line in (root / "test_list_videos.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == listed
    known, part_of = (
        read_predictions(folder / "ledger", record_of(folder, "fgsgl").cell_id),
        datasets.get("ma52").groups,
    )
    scores_of = dict(zip(known.clip_ids.tolist(), known.scores["combined"], strict=True))
    for name, *ranks in rows:
        actions, parts = [int(value) for value in ranks[:5]], [int(value) for value in ranks[5:]]
        scores_C = scores_of[f"val_{Path(name).stem}"]
        assert np.allclose(scores_C[actions], np.sort(scores_C)[::-1][:5], atol=1e-5), "as the harness scored them"
        assert len(set(actions)) == 5 and parts == [part_of[action] for action in actions]


@pytest.mark.slow
def test_ma52s_first_phase_hands_in_the_record_of_the_official_split(ma52, tmp_path: Path, capsys) -> None:
    root, folder = ma52
    submit(folder, "--form", "val", "--out", tmp_path / "prediction.zip")
    assert "24 clips of FG-SGL, seed 0" in capsys.readouterr().out
    rows = rows_of(tmp_path / "prediction.zip", "prediction.csv")[1:]
    listed = {line.split()[0] for line in (root / "val_list_videos.txt").read_text().splitlines()}
    assert {row[0] for row in rows} == listed and len(rows) == 24
    with pytest.raises(UserError, match=r"the validation list .* has labels"):
        datasets.get("ma52").challenge.form("val").hidden(root)


def test_ma52_names_the_body_part_of_each_action() -> None:
    """A checked example: a row of the header's eleven columns; body parts may repeat."""
    scores_1C = np.zeros((1, 52))
    scores_1C[0, [3, 4, 12, 30, 51]] = 0.3, 0.31, 0.32, 0.05, 0.02
    for form, clip_id, name in (("test", "a.mp4", "a.mp4"), ("val", "val_0003_01_0001", "0003_01_0001.mp4")):
        content = datasets.get("ma52").challenge.form(form).content([clip_id], scores_1C)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            header, row = archive.read("prediction.csv").decode().splitlines()
        assert header == (
            "vid,action_pred_1,action_pred_2,action_pred_3,action_pred_4,action_pred_5,"
            "body_pred_1,body_pred_2,body_pred_3,body_pred_4,body_pred_5"
        )
        assert row == f"{name},12,4,3,30,51,2,0,0,3,6"


def test_imigues_forms_of_2025_and_2023() -> None:
    """A checked example: ``Id,Target`` with the illustrative class as 31, by video and then by row."""
    scores_NC = np.zeros((3, 32))
    scores_NC[[0, 1, 2], [30, 31, 0]] = 1
    ids, forms = ["0054_10", "0054_2", "0007_0"], datasets.get("imigue").challenge.forms
    assert forms["csv"].content(ids, scores_NC) == b"Id,Target\n0007_0,0\n0054_2,31\n0054_10,30\n"
    with zipfile.ZipFile(io.BytesIO(forms["2023"].content(ids, scores_NC))) as archive:
        assert archive.read("Submission.csv") == b"0007_0,0\n0054_2,31\n0054_10,30\n"


@pytest.mark.slow
def test_ma52_refuses_what_would_not_be_whole(ma52, tmp_path: Path, capsys) -> None:
    root, folder = ma52
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    name = (copy / "test_list_videos.txt").read_text().split()[0]
    (copy / "test" / name).write_bytes(b"")
    submit(folder, "--root", copy, expect=2)
    assert f"{name} is empty (0 bytes) (1 such clip(s)); a submission needs every one" in capsys.readouterr().err
    (copy / "test" / name).unlink()
    submit(folder, "--root", copy, expect=2)
    assert "half an extraction?" in capsys.readouterr().err
    submit(folder, "--cell", record_of(folder, "majority").cell_id, expect=2)
    assert "sees no video" in capsys.readouterr().err
    moved, cell_id = tmp_path / "board", record_of(folder, "fgsgl").cell_id
    shutil.copytree(folder, moved)
    (moved / "work" / cell_id / "epoch_1.pth").unlink()
    submit(moved, expect=2)
    assert f"no checkpoint at {moved / 'work' / cell_id / 'epoch_1.pth'}" in capsys.readouterr().err
    shutil.rmtree(moved / "work")
    submit(moved, expect=2)
    assert "checkpoint is gone" in capsys.readouterr().err


def test_imigue_hands_in_the_record(miga: Path, tmp_path: Path, capsys) -> None:
    record = record_of(miga, "majority")
    submit(miga, "--cell", record.cell_id)
    said = capsys.readouterr().out
    assert "17 clips of Majority class, seed 0" in said and "the challenge has 4562 clips" in said
    lines = (miga / "work" / record.cell_id / "submission.csv").read_text().splitlines()
    assert lines[0] == "Id,Target"
    rows = [line.split(",") for line in lines[1:]]
    submit(miga, "--cell", record.cell_id, "--form", "2023")
    assert rows_of(miga / "work" / record.cell_id / "Submission.zip", "Submission.csv") == rows
    submit(miga, "--cell", record.cell_id, "--form", "2024", expect=2)
    assert "unknown form '2024' of a submission" in capsys.readouterr().err
    submit(miga, "--cell", record.cell_id, "--out", tmp_path / "a.zip", expect=2)
    assert "this form is a .csv file" in capsys.readouterr().err
    assert [row[0] for row in rows] == [f"0004_{n}" for n in range(12)] + [f"0005_{n}" for n in range(5)]
    known = read_predictions(miga / "ledger", record.cell_id)
    best = dict(zip(known.clip_ids.tolist(), known.scores["combined"].argmax(axis=1).tolist(), strict=True))
    assert {row[0]: int(row[1]) for row in rows} == best


def test_imigue_refuses_what_is_not_whole_or_of_another_layout(miga: Path, tmp_path: Path, capsys) -> None:
    record = record_of(miga, "majority")
    known, ledger = read_predictions(miga / "ledger", record.cell_id), tmp_path / "ledger"

    def refused(changed: Done, predictions: Predictions, says: str) -> None:
        sha256 = write_predictions(ledger, record.cell_id, predictions)
        replace(changed, predictions_sha256=sha256).write(ledger)
        submit(tmp_path, "--cell", record.cell_id, expect=2)
        assert says in capsys.readouterr().err

    submit(tmp_path, expect=2)
    assert "no finished cell of a method in" in capsys.readouterr().err
    left_out = [SkippedClip(clip_id="0005_0", split="test", reason="empty")]
    skipping = replace(record, data=replace(record.data, skipped=left_out))
    refused(skipping, known, "left 1 test clip(s) out (--skip-bad), and a submission needs every one")
    short = dataclasses.replace(
        known, clip_ids=known.clip_ids[1:], subjects=known.subjects[1:], labels=known.labels[1:],
        scores={name: table[1:] for name, table in known.scores.items()},
    )  # fmt: skip
    refused(record, short, "have scores of shape (16, 32), expected (17, 32)")
    ids = np.array([f"{clip_id}_9_1" for clip_id in known.clip_ids])
    sha256 = scored_sha256(ids)
    scored = replace(record.metrics, scored_sha256=sha256)
    full = replace(record, data=replace(record.data, split_sha256=sha256), metrics=scored)
    refused(full, dataclasses.replace(known, clip_ids=ids), "is not of the MiGA release")
    elsewhere = dataclasses.replace(record.protocol, dataset="smg")
    other = replace(record, protocol=elsewhere, protocol_hash=elsewhere.hash())
    refused(other, known, "smg has no challenge to submit to; imigue, ma52 have one")
    submit(tmp_path, expect=2)
    assert f"no finished cell of a method in {ledger}" in capsys.readouterr().err
