"""What goes wrong in a cell, its data or on its disk ends in one line."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from torch.utils.data import DataLoader, Dataset
from whole_cells import CELL, RUN, records

from fgsgl.data.clip_table import read_clips
from fgsgl.training.run_cell import one_line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("raise SystemExit('no account')", "SystemExit: no account"),
        ("raise ValueError('two\\nlines ' * 999)", "two lines"),
    ],
)
def test_a_logging_service_that_dies_leaves_one_line(
    board: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    (tmp_path / "aim.py").write_text(fault)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    spec = json.loads((board / "work" / records(board)["linear_probe"]["cell_id"] / "spec.json").read_text())
    own = {"ledger": str(tmp_path / "ledger"), "work_dir": str(tmp_path / "work"), "visualizer": "aim"}
    (tmp_path / "work").mkdir()
    (tmp_path / "spec.json").write_text(json.dumps(spec | own))
    call(*CELL, tmp_path / "spec.json", expect=1)
    message = records(tmp_path)["linear_probe"]["failure"]["message"]
    assert told in message and len(message) < 600 and message.isprintable()


@pytest.mark.slow
def test_a_corrupt_video_is_named_and_skipped_only_on_request(smoke: Path, tmp_path: Path, call) -> None:
    root = tmp_path / "data"
    shutil.copytree(smoke, root)
    victim = next(clip for clip in read_clips(root / "clips.csv") if clip.split == "test")
    video = root / victim.video
    video.write_bytes(video.read_bytes()[:1000])
    words = (*RUN, "--root", root, "--out", tmp_path / "out", "--methods", "majority")
    answer = call(*words, expect=2)
    assert str(video) in answer.stderr.replace("\n", "") and "--skip-bad" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "ledger").exists()

    call(*words, "--skip-bad")
    table = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert set(table["skipped"]) == {1} and set(table["n_clips"]) == {33}
    record = records(tmp_path / "out")["majority"]
    assert [row["clip_id"] for row in record["data"]["skipped"]] == [victim.clip_id]
    assert record["metrics"]["n_clips"] == record["data"]["n_clips"]["test"]


FULL_DISK = """
import resource, sys
from fgsgl.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, resource.RLIM_INFINITY))
sys.exit(main())
"""


@pytest.mark.slow
def test_a_checkpoint_that_finds_no_room_ends_in_one_line(
    board: Path, smoke: Path, with_bounds: Path, tmp_path: Path, call
) -> None:
    """A limit on the size of a file stands for a full disk; records are below it, checkpoints are not."""
    (with_bounds / "ledger" / f"{records(board)['majority']['cell_id']}.json").unlink()
    words = (*RUN[2:], "--root", smoke, "--out", tmp_path / "out", "--methods", "tsn", "--epochs", "3")
    answer = call("-c", FULL_DISK, *words, expect=2)
    assert "File too large" in answer.stderr and len(answer.stderr.strip().splitlines()) == 1, answer.stderr
    failed = records(tmp_path / "out")["tsn"]
    assert failed["failure"]["class"] == "unwritable" and failed["times_s"]["total"] > 0
    assert records(tmp_path / "out")["majority"]["status"] == "done"


def test_a_folder_that_cannot_be_made_is_named(smoke: Path, tmp_path: Path, call) -> None:
    (tmp_path / "file").touch()
    answer = call(*RUN, "--root", smoke, "--out", tmp_path / "file" / "out", "--methods", "majority", expect=2)
    assert answer.stderr.strip() == (
        f"error: {tmp_path / 'file' / 'out'} cannot be the folder of what is written: Not a directory"
    )


def in_a_data_worker() -> KeyError:
    """What a DataLoader makes of an error of its worker."""

    class Broken(Dataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> int:
            raise KeyError("a clip")

    with pytest.raises(KeyError) as caught:
        next(iter(DataLoader(Broken(), num_workers=1)))
    return caught.value


def test_an_error_of_a_data_worker_says_its_cause_and_no_traceback() -> None:
    assert (
        one_line(in_a_data_worker()) == "KeyError: Caught KeyError in DataLoader worker process 0. KeyError: 'a clip'"
    )


def test_a_message_that_no_file_can_hold_is_recorded_without_it() -> None:
    """Such as the name of a file from another system, which Python reads as half a character."""
    said = one_line(RuntimeError("no \ud800 \x1b[31m\nvideo"))
    assert said == "RuntimeError: no    [31m video" and said.encode()
