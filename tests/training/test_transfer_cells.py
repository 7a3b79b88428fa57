"""Cells that are trained on other data than they are tested on, from the command to the record."""

from __future__ import annotations

import shutil
from pathlib import Path

import made
import numpy as np
import pytest
from msgspec import structs

from fgsgl.cli.main import main
from fgsgl.data.clip_table import SPLITS
from fgsgl.data.synmg.make import load
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.mmaction.datasets import ClipDataset, SkeletonDataset
from fgsgl.prediction.trained import trained_cell
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import read_predictions
from fgsgl.records.protocol import default_protocol
from fgsgl.records.record import Done
from fgsgl.training.cell_spec import CellSpec
from fgsgl.training.mmengine_config import build_config, config_text
from fgsgl.util.errors import UserError

pytestmark = pytest.mark.usefixtures("without_figures")

RUN = ("run", "--preset", "smoke", "--batch-size", "8", "--epochs", "1", "--device", "cpu", "--transfer")
METHODS = ("--methods", "fgsgl", "linear_probe", "oracle_static", "--no-ceilings")


@pytest.fixture(scope="module")
def other(shared) -> Path:
    """The folder of SynMG's smallest preset with another data seed. Read-only."""
    from fgsgl.data.synmg import make

    return shared("smoke-1", lambda root: make.make(root, "smoke", 1, workers=2))


def words(smoke: Path, other: Path, out: Path) -> list[str]:
    places = ("--root", str(smoke), "--transfer-root", str(other), "--out", str(out))
    return [*RUN, "synmg:smoke:1", *places, *METHODS]


@pytest.fixture(scope="module")
def transfer_board(smoke: Path, other: Path, shared) -> Path:
    """A board of FG-SGL, a network without text and a ceiling, trained on the other data. Read-only."""

    def make(out: Path) -> None:
        with made.without_figures():
            assert main(words(smoke, other, out)) == 0

    return shared("transfer-board", make)


def record_of(board: Path, method: str) -> Done:
    (record,) = (one for one in Ledger(board / "ledger").done().values() if one.method == method)
    return record


@pytest.mark.slow
def test_records_say_what_was_trained_on_and_what_was_tested_on(transfer_board: Path, smoke: Path, other: Path) -> None:
    trained_on, tested_on = load(other), load(smoke)
    test = tested_on.split("test")
    for method in ("fgsgl", "linear_probe", "majority", "oracle_static"):
        record = record_of(transfer_board, method)
        assert record.protocol.transfer == "synmg:smoke:1"
        assert record.data.parts == [trained_on.fingerprint(), tested_on.fingerprint()]
        assert record.data.fingerprint not in record.data.parts
        counts = record.data.n_clips
        assert (counts.train, counts.val) == (len(trained_on.split("train")), len(trained_on.split("val")))
        assert counts.test == record.metrics.n_clips == len(test)
        assert record.data.train_clips == np.bincount([clip.label for clip in trained_on.split("train")]).tolist()
        audit = record.data.audit
        assert audit is not None and (audit.clip_ids, audit.subjects, audit.videos) == (0, 0, 0)
        predicted = read_predictions(transfer_board / "ledger", record.cell_id)
        assert predicted.clip_ids.tolist() == [clip.clip_id for clip in test]
        assert predicted.labels.tolist() == [clip.label for clip in test]
    assert record_of(transfer_board, "fgsgl").localisation is not None


@pytest.mark.slow
def test_the_board_names_the_data_that_were_trained_on(transfer_board: Path) -> None:
    text = (transfer_board / "leaderboard.md").read_text()
    assert text.startswith("# Leaderboard: synmg smoke, trained on synmg smoke data seed 1\n")
    assert "Trained on other data: " in text and "no subjects and no file contents" in text


@pytest.mark.slow
def test_the_same_command_runs_only_what_is_missing_and_gets_the_same_again(
    transfer_board: Path, smoke: Path, other: Path, tmp_path: Path, capfd
) -> None:
    out = tmp_path / "board"
    record = record_of(transfer_board, "linear_probe")
    made.board_without(transfer_board, out, record)
    assert main(words(smoke, other, out)) == 0
    assert "5 cells, 4 already done" in capfd.readouterr().out
    again = record_of(out, "linear_probe")
    assert again.cell_id == record.cell_id and again.metrics == record.metrics

    without = [word for word in words(smoke, other, out) if word not in ("--transfer-root", str(other))]
    place = without.index("--transfer")
    assert main([*without[:place], *without[place + 2 :], "--dry-run"]) == 0
    assert "5 cells to run" in capfd.readouterr().out, "rows without the transfer are others"


@pytest.mark.slow
def test_a_cell_is_refused_where_the_data_that_it_trains_on_have_changed(
    transfer_board: Path, smoke: Path, tmp_path: Path
) -> None:
    spec = CellSpec.find(transfer_board / "work" / record_of(transfer_board, "linear_probe").cell_id)
    assert spec is not None and spec.transfer_root is not None and len(spec.table().split("test")) == 52
    copy = tmp_path / "copy"
    shutil.copytree(spec.transfer_root, copy)
    video = next((copy / "videos").glob("*.mp4"))
    video.write_bytes(video.read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"the data in .* and .* have changed since the cell"):
        structs.replace(spec, transfer_root=copy).table()


@pytest.mark.slow
def test_loaders_read_the_clips_of_the_record(smoke: Path, other: Path) -> None:
    protocol = default_protocol("synmg", "smoke", transfer="synmg:smoke:1", shots=1)
    config = build_config(
        get("tsn"), {}, protocol, 3, classes=Classes.of(load(smoke).classes, "synmg", protocol), root=smoke,
        work_dir=smoke, transfer_root=other,
    )  # fmt: skip
    table = protocol.regime.apply(protocol.data_spec(smoke, other).load(), 3)
    for kind in (ClipDataset, SkeletonDataset):
        for split in SPLITS:
            settings = {**config[f"{split}_dataloader"]["dataset"]}
            settings.pop("type")
            read = kind(**settings)
            assert list(read.clips) == [table.own_clips[clip.clip_id] for clip in table.split(split)]
            assert read.table.root == (smoke if split == "test" else other)


@pytest.mark.slow
def test_a_recognizer_is_rebuilt_without_the_data(transfer_board: Path) -> None:
    trained = trained_cell(transfer_board, record_of(transfer_board, "linear_probe"))
    assert trained.protocol.trained_on is not None and not trained.build("cpu").training


@pytest.mark.slow
def test_a_config_for_mmaction_names_both_folders(smoke: Path, other: Path, tmp_path: Path) -> None:
    names: dict = {}
    exec(config_text("tsn", default_protocol("synmg", "smoke", transfer="synmg:smoke:1"), 0, smoke, other), names)
    found = {split: names[f"{split}_dataloader"]["dataset"] for split in SPLITS}
    assert {split: (one["root"], one["data_seed"]) for split, one in found.items()} == {
        "train": (str(other), 1), "val": (str(other), 1), "test": (str(smoke), 0)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--transfer", "synm"), "did you mean synmg"),
        (("--transfer", ""), "--transfer is empty"),
        (("--transfer", "synmg:smoke:1"), "of another"),
        (("--transfer", "synmg:smoke:0"), "are the same; name other data to train on"),
        (("--transfer", "smg"), "no folder at data/smg"),
        (("--transfer-root", "elsewhere"), "--transfer names no data"),
        (("--transfer", "synmg:smoke:1", "--batch-size", "200"), "batch_size is 200, but the training split has"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_in_one_line(
    given: tuple[str, ...], says: str, smoke: Path, other: Path, tmp_path: Path, capfd
) -> None:
    source = {"synmg:smoke:1": other, "synmg:smoke:0": smoke}.get(given[1])
    if says == "of another":  # seed 0 lies where seed 1 is asked for
        source, says = smoke, "seed"
    where = ["--preset", "smoke", "--root", str(smoke), "--out", str(tmp_path / "out"), "--dry-run"]
    place = ["--transfer-root", str(source)] if source else []
    assert main(["run", "--methods", "tsn", *given, *place, *where]) == 2
    error = capfd.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_ceiling_of_synmg_is_not_planned_on_other_training_data() -> None:
    oracle = get("oracle_motion")
    assert oracle.runs_on(default_protocol("synmg", transfer="synmg:hard"))
    assert not oracle.runs_on(default_protocol("synmg", transfer="csv:all"))
