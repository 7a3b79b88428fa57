"""A training that was interrupted goes on to the very same result."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from whole_cells import CELL, RUN, UNTIDY, records, run_cell


def start(smoke: Path, out: Path, epochs: int) -> subprocess.Popen:
    command = [*RUN, "--root", smoke, "--out", out, "--methods", "fgsgl", "--epochs", str(epochs)]
    return subprocess.Popen(
        [sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell in the background ignores Ctrl-C
    )  # fmt: skip


def wait_for_epoch(out: Path, process: subprocess.Popen, epoch: int) -> Path:
    """The work folder of FG-SGL's cell, once it has saved that epoch and is in the next."""
    deadline_s = time.monotonic() + 240
    while time.monotonic() < deadline_s and process.poll() is None:
        for marker in out.glob("work/*/last_checkpoint"):
            if f"epoch_{epoch}.pth" in marker.read_text():
                return marker.parent
        time.sleep(0.05)
    raise AssertionError(f"epoch {epoch} was never saved: {process.communicate()}")


@pytest.mark.slow
def test_ctrl_c_and_a_killed_cell_resume_to_the_very_same_result(board: Path, smoke: Path, with_bounds: Path) -> None:
    out = with_bounds
    process = start(smoke, out, 3)
    work = wait_for_epoch(out, process, 1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.strip().splitlines()[-1].startswith("interrupted; finished work is kept")
    assert "fgsgl" not in records(out)
    assert not list(out.rglob("*.tmp"))

    process = start(smoke, out, 3)
    wait_for_epoch(out, process, 2)
    pid = subprocess.run(["pgrep", "-f", f"run_cell {work}"], capture_output=True, text=True).stdout.split()[0]
    os.kill(int(pid), signal.SIGKILL)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0 and "killed: by signal 9" in said
    resumed, whole = records(out)["fgsgl"], records(board)["fgsgl"]
    assert (resumed["attempts"], whole["attempts"]) == (2, 1)
    assert "resumed epoch: 2" in (work / "log.txt").read_text()
    assert resumed["cell_id"] == whole["cell_id"]
    assert resumed["predictions_sha256"] == whole["predictions_sha256"]
    assert [row["loss"] for row in resumed["curve"]] == [row["loss"] for row in whole["curve"]]


@pytest.mark.slow
def test_an_averaged_and_balanced_training_resumes_to_the_very_same_result(board: Path, tmp_path: Path, call) -> None:
    """As if killed in its second epoch: of two checkpoints the second is taken away, and the cell run again."""

    def run(folder: Path, ema: float) -> dict:
        options = {"epochs": 2, "sampling": "class_balanced", "ema": ema}
        record = run_cell(board, "linear_probe", folder, call, ("-c", UNTIDY), **options)
        (folder / "ledger" / f"{record['cell_id']}.json").unlink()
        return record

    whole, plain = run(tmp_path / "average", 0.5), run(tmp_path / "last", 0.0)
    work = tmp_path / "average" / "work"
    (work / "epoch_2.pth").unlink()
    (work / "last_checkpoint").write_text(str(work / "epoch_1.pth"))
    resumed = run(tmp_path / "average", 0.5)
    assert resumed["times_s"] != whole["times_s"]
    assert resumed["predictions_sha256"] == whole["predictions_sha256"] != plain["predictions_sha256"]
    losses = [[row["loss"] for row in record["curve"]] for record in (resumed, whole, plain)]
    assert losses[0] == losses[1] == losses[2], "what is averaged is not trained with"


@pytest.mark.slow
def test_a_cell_whose_last_checkpoint_lost_a_block_goes_on_from_the_one_before(
    board: Path, tmp_path: Path, call
) -> None:
    def run() -> dict:
        record = run_cell(board, "linear_probe", tmp_path, call, ("-c", UNTIDY), epochs=2)
        (tmp_path / "ledger" / f"{record['cell_id']}.json").unlink()
        return record

    whole, last = run(), tmp_path / "work" / "epoch_2.pth"
    content = bytearray(last.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2**12] = bytes(2**12)
    last.write_bytes(content)
    resumed = run()
    assert whole["unfit_checkpoints"] == []
    (said,) = resumed["unfit_checkpoints"]
    assert said.startswith("epoch_2.pth: ") and said.endswith("; the training went on from epoch_1")
    assert resumed["predictions_sha256"] == whole["predictions_sha256"]
    assert [row["loss"] for row in resumed["curve"]] == [row["loss"] for row in whole["curve"]]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fgsgl", "tsn"])
def test_a_cell_killed_after_its_last_epoch_only_validates_and_tests(
    board: Path, tmp_path: Path, method: str, call
) -> None:
    first = run_cell(board, method, tmp_path, call, ("-c", UNTIDY))
    for path in (tmp_path / "ledger").iterdir():
        path.unlink()
    rows = [json.loads(line) for line in (tmp_path / "work" / "curve.jsonl").read_text().splitlines()]
    del rows[-1]["val_top1"]  # as if killed between the checkpoint of the last epoch and its validation
    (tmp_path / "work" / "curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    second = run_cell(board, method, tmp_path, call, CELL)
    assert [row["train_s"] for row in second["curve"]] == [row["train_s"] for row in first["curve"]]  # not trained anew
    assert second["predictions_sha256"] == first["predictions_sha256"] == records(board)[method]["predictions_sha256"]
    assert [row["loss"] for row in second["curve"]] == [row["loss"] for row in first["curve"]]
    assert all("val_top1" in row for row in second["curve"])
