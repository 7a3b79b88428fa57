"""`fgsgl submit` from finished cells on mock copies: formats, order, every clip once, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import copies
import numpy as np
import pytest

from fgsgl.bench.record import read_predictions
from fgsgl.data import sets

CLI = ("-m", "fgsgl.cli")


def trained(root: Path, out: Path, *words: str) -> Path:
    command = [*CLI, "run", "--root", root, "--out", out, "--epochs", "1", "--device", "cpu", *words]
    answer = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return out


@pytest.fixture(scope="module")
def ma52(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy whose hidden test clips are copies of the first validation clips, in reverse order; and its board."""
    root = copies.ma52(tmp_path_factory.mktemp("ma52") / "MA-52")
    lines = (root / "val_list_videos.txt").read_text().splitlines()[:7][::-1]
    shutil.rmtree(root / "test")
    (root / "test").mkdir()
    for line in lines:
        shutil.copy(root / "val" / line.split()[0], root / "test")
    (root / "test_list_videos.txt").write_text("".join(f"{line.split()[0]} 0\r\n" for line in lines))
    words = ("--dataset", "ma52", "--preset", "official", "--methods", "fgsgl")
    return root, trained(root, root.parent / "board", *words)


def record_of(board: Path, method: str) -> dict:
    return next(
        record
        for record in (json.loads(path.read_text()) for path in (board / "ledger").glob("*.json"))
        if record["method"] == method
    )


def rows_of(path: Path, name: str) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [name], "flat, with this one file"
        return list(csv.reader(io.StringIO(archive.read(name).decode())))


def test_ma52_scores_the_hidden_clips_with_the_checkpoint(ma52, tmp_path: Path, call) -> None:
    root, board = ma52
    said = call(*CLI, "submit", board, "--device", "cpu", "--out", tmp_path / "prediction.zip").stdout
    assert "7 clips of FG-SGL, seed 0" in said and "the challenge has 5586 clips" in said
    header, *rows = rows_of(tmp_path / "prediction.zip", "prediction.csv")
    assert header == ["vid", *(f"{level}_pred_{n}" for level in ("action", "body") for n in range(1, 6))]
    listed = [line.split()[0] for line in (root / "test_list_videos.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == listed
    record, part_of = record_of(board, "fgsgl"), sets.get("ma52").groups()
    known = read_predictions(board / "ledger", record["cell_id"])
    scores_of = dict(zip(known.clip_ids.tolist(), known.scores["combined"], strict=True))
    for name, *ranks in rows:
        actions, parts = [int(value) for value in ranks[:5]], [int(value) for value in ranks[5:]]
        scores_C = scores_of[f"val_{Path(name).stem}"]
        assert np.allclose(scores_C[actions], np.sort(scores_C)[::-1][:5], atol=1e-5), "as the harness scored them"
        assert len(set(actions)) == len(set(parts)) == 5 and set(parts) <= set(range(7))
        assert parts[0] == part_of[actions[0]]


def test_ma52_refuses_what_would_not_be_whole(ma52, tmp_path: Path, call) -> None:
    root, board = ma52
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".frames"))
    name = (copy / "test_list_videos.txt").read_text().split()[0]
    (copy / "test" / name).write_bytes(b"")
    said = call(*CLI, "submit", board, "--root", copy, "--device", "cpu", expect=2).stderr
    assert f"{name} is empty (0 bytes) (1 such clip(s)); a submission needs every one" in said
    (copy / "test" / name).unlink()
    assert "half an extraction?" in call(*CLI, "submit", board, "--root", copy, expect=2).stderr
    majority = record_of(board, "majority")["cell_id"]
    assert "sees no video" in call(*CLI, "submit", board, "--cell", majority, expect=2).stderr
    moved = tmp_path / "board"
    shutil.copytree(board, moved)
    (moved / "work" / record_of(board, "fgsgl")["cell_id"] / "epoch_1.pth").unlink()
    assert "no checkpoint at" in call(*CLI, "submit", moved, "--device", "cpu", expect=2).stderr
    shutil.rmtree(moved / "work")
    assert "its checkpoint with it" in call(*CLI, "submit", moved, "--device", "cpu", expect=2).stderr


def test_imigue_hands_in_the_record(tmp_path: Path, call) -> None:
    root = copies.imigue_miga(tmp_path / "MiGA")
    labels = root / "imigue_rgb_test" / "0004_label.csv"
    labels.write_text("".join(f"{n % 31 + 1},{7 * n},{7 * n + 6}\n" for n in range(12)))
    words = ("--dataset", "imigue", "--methods", "tsn", "linear_probe")
    board = trained(root, tmp_path / "board", *words)
    said = call(*CLI, "submit", board, expect=2).stderr
    assert "2 finished methods" in said and "(tsn full, seed 0)" in said
    record = record_of(board, "tsn")
    said = call(*CLI, "submit", board, "--cell", record["cell_id"]).stdout
    assert "17 clips of TSN" in said and "the challenge has 4562 clips" in said
    rows = rows_of(board / "work" / record["cell_id"] / "Submission.zip", "Submission.csv")
    assert [row[0] for row in rows] == [f"0004_{n}" for n in range(12)] + [f"0005_{n}" for n in range(5)]
    known = read_predictions(board / "ledger", record["cell_id"])
    best = dict(zip(known.clip_ids.tolist(), known.scores["combined"].argmax(axis=1).tolist(), strict=True))
    assert {row[0]: int(row[1]) for row in rows} == best
    predictions = board / "ledger" / f"{record['cell_id']}.npz"
    shutil.copy(board / "ledger" / f"{record_of(board, 'linear_probe')['cell_id']}.npz", predictions)
    said = call(*CLI, "submit", board, "--cell", record["cell_id"], expect=2).stderr
    assert "are not those of the record" in said


def test_an_incomplete_imigue_and_other_data_are_refused(tmp_path: Path, call) -> None:
    root = copies.imigue_miga(tmp_path / "MiGA")
    (root / "imigue_rgb_test" / "0005.mp4").write_bytes(b"")
    board = trained(root, tmp_path / "board", "--dataset", "imigue", "--methods", "majority", "--skip-bad")
    cell = record_of(board, "majority")["cell_id"]
    said = call(*CLI, "submit", board, "--cell", cell, expect=2).stderr
    assert "left 5 test clip(s) out (--skip-bad), and a submission needs every one" in said
    full = trained(copies.imigue(tmp_path / "full"), tmp_path / "o", "--dataset", "imigue", "--methods", "majority")
    cell = record_of(full, "majority")["cell_id"]
    assert "is not of the MiGA release" in call(*CLI, "submit", full, "--cell", cell, expect=2).stderr
    smg = trained(copies.smg(tmp_path / "SMG"), tmp_path / "s", "--dataset", "smg", "--methods", "majority")
    cell = record_of(smg, "majority")["cell_id"]
    said = call(*CLI, "submit", smg, "--cell", cell, expect=2).stderr
    assert "smg has no challenge to submit to; imigue, ma52 have one" in said
    assert "no finished cell in" in call(*CLI, "submit", tmp_path, expect=2).stderr
