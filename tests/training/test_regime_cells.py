"""Cells of regimes from the command to the record: what is trained on, scored, kept and gone on from."""

from __future__ import annotations

import json
from pathlib import Path

import made
import numpy as np
import pytest

import fgsgl
from fgsgl.ablations.run import main as ablate
from fgsgl.cli.main import main
from fgsgl.data.clip_table import Clip
from fgsgl.data.regime import held_out
from fgsgl.data.synmg.make import load
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.mmaction.datasets import ClipDataset, SkeletonDataset
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import read_predictions
from fgsgl.records.protocol import SEALED, default_protocol
from fgsgl.records.record import Done
from fgsgl.running.experiment import folds_of
from fgsgl.text.draft import draft
from fgsgl.training.cell_metrics import HeldOut
from fgsgl.training.cell_metrics import held_out as scored_besides
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

pytestmark = pytest.mark.usefixtures("without_figures")

UNSEEN, FOLD = 4, 1
RUN = (
    "run", "--preset", "smoke", "--batch-size", "8", "--epochs", "1", "--device", "cpu", "--no-ceilings",
    "--unseen", str(UNSEEN), "--fold", str(FOLD),
)  # fmt: skip


def words(smoke: Path, out: Path) -> list[str]:
    return [*RUN, "--root", str(smoke), "--out", str(out), "--methods", "fgsgl", "linear_probe", "zero_shot_names"]


@pytest.fixture(scope="module")
def regime_board(smoke: Path, shared) -> Path:
    """A board with classes held out, of FG-SGL, a network without text, and class names alone. Read-only."""

    def make(out: Path) -> None:
        with made.without_figures():
            assert main(words(smoke, out)) == 0

    return shared("regime-board", make)


def record_of(board: Path, method: str) -> Done:
    (record,) = (one for one in Ledger(board / "ledger").done().values() if one.method == method)
    return record


def test_records_hold_the_scores_on_unseen_classes_and_what_was_trained_on(regime_board: Path, smoke: Path) -> None:
    table = load(smoke)
    unseen = held_out(table.classes, UNSEEN, FOLD)
    seen = [clip for clip in table.clips if clip.label not in unseen]
    for method in ("fgsgl", "linear_probe", "zero_shot_names", "majority"):
        record = record_of(regime_board, method)
        assert record.data.fingerprint == table.fingerprint()
        assert record.data.n_clips.train == sum(clip.split == "train" for clip in seen)
        assert record.data.n_clips.val == sum(clip.split == "val" for clip in seen)
        assert record.data.n_clips.test == record.metrics.n_clips == len(table.split("test"))
        by_text = method in ("fgsgl", "zero_shot_names")
        scores = record.metrics.unseen["combined"]
        assert (scores.unseen is not None) == (scores.harmonic is not None) == by_text
    assert set(record_of(regime_board, "fgsgl").metrics.unseen) == {"combined", "category", "fine"}


def test_a_method_without_text_never_names_an_unseen_class(regime_board: Path, smoke: Path) -> None:
    unseen = list(held_out(load(smoke).classes, UNSEEN, FOLD))
    for method, names in (("linear_probe", False), ("majority", False), ("fgsgl", True)):
        record = record_of(regime_board, method)
        scores_NC = read_predictions(regime_board / "ledger", record.cell_id).scores["combined"]
        assert bool((scores_NC[:, unseen] > 0).any()) == names
        assert np.allclose(scores_NC.sum(1), 1, atol=1e-3)


def test_the_boards_heading_and_tables_say_the_regime(regime_board: Path) -> None:
    text = (regime_board / "leaderboard.md").read_text()
    assert text.startswith("# Leaderboard: synmg smoke, 4 unseen classes, fold 1\n")
    assert "cannot: no text" in text and "Unseen classes of fold 1, without a clip in training" in text
    assert "| FG-SGL | 1 |" in (regime_board / "regimes.md").read_text()


@pytest.mark.slow
def test_the_same_command_runs_only_what_is_missing_and_gets_the_same_again(
    regime_board: Path, smoke: Path, tmp_path: Path, capfd
) -> None:
    out = tmp_path / "board"
    record = record_of(regime_board, "linear_probe")
    made.board_without(regime_board, out, record)
    assert main(words(smoke, out)) == 0
    assert "5 cells, 4 already done" in capfd.readouterr().out
    again = record_of(out, "linear_probe")
    assert again.cell_id == record.cell_id and again.metrics == record.metrics and again.selection == record.selection


def test_a_trained_recognizer_predicts_as_its_cell_did(regime_board: Path, smoke: Path) -> None:
    unseen = list(held_out(load(smoke).classes, UNSEEN, FOLD))
    recorded = read_predictions(regime_board / "ledger", record_of(regime_board, "linear_probe").cell_id)
    recognizer = fgsgl.load_recognizer(regime_board, "Linear probe", device="cpu")
    for clip in load(smoke).split("test")[:4]:
        found_C = recognizer.predict(smoke / clip.video).probabilities_C
        known_C = recorded.scores["combined"][recorded.clip_ids.tolist().index(clip.clip_id)]
        np.testing.assert_allclose(found_C, known_C, atol=1e-4)
        assert not found_C[unseen].any()


def ids(clips: tuple[Clip, ...]) -> set[str]:
    return {clip.clip_id for clip in clips}


@pytest.mark.parametrize("kind", [ClipDataset, SkeletonDataset])
def test_data_sets_leave_out_what_the_regime_does_and_read_the_same_clips(kind: type, smoke: Path) -> None:
    whole = kind(dataset="synmg", root=str(smoke), split="train", preset="smoke")
    few = kind(dataset="synmg", root=str(smoke), split="train", preset="smoke", regime={"shots": 1}, seed=3)
    other = kind(dataset="synmg", root=str(smoke), split="train", preset="smoke", regime={"shots": 1}, seed=4)
    assert len(few) == len(other) == 26 and ids(few.clips) != ids(other.clips)
    place = [clip.clip_id for clip in whole.clips].index(few.clips[5].clip_id)
    assert (few[5]["inputs"] == whole[place]["inputs"]).all()
    config = build_config(
        get("tsn"), {}, default_protocol("synmg", "smoke", shots=1), 3, classes=Classes(count=26, text="synmg"),
        root=smoke, work_dir=smoke,
    )  # fmt: skip
    settings = config["train_dataloader"]["dataset"]
    settings.pop("type")
    assert ids(ClipDataset(**settings).clips) == ids(few.clips)


def test_a_sealed_test_split_is_not_scored_on_unseen_classes() -> None:
    classes, method = load_names(), get("fgsgl")
    protocol = default_protocol("synmg", unseen=4)
    found = scored_besides(protocol, classes, method, method.settings)
    assert found == HeldOut(classes=held_out(classes, 4, 0), text_scores=("combined", "category", "fine"))
    sealed = default_protocol("synmg", unseen=4, evaluation=SEALED)
    assert scored_besides(sealed, classes, method, method.settings) is None
    assert scored_besides(default_protocol("synmg"), classes, method, method.settings) is None


def load_names() -> tuple[str, ...]:
    from fgsgl.text.fgtext import load as load_text

    return tuple(load_text("synmg").class_names)


def test_folds_make_a_protocol_each() -> None:
    protocol = default_protocol("synmg", unseen=4)
    assert [one.fold for one in folds_of(protocol, 3)] == [0, 1, 2]
    assert folds_of(protocol, None) == (protocol,) and len({one.hash() for one in folds_of(protocol, 3)}) == 3
    for refused, says in ((default_protocol("synmg"), "no class is held out"), (folds_of(protocol, 3)[1], "give one")):
        with pytest.raises(UserError, match=says):
            folds_of(refused, 2)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--unseen", "25"), "unseen is 25, but the data have 26 classes; expected at most 24"),
        (("--unseen", "4", "--fold", "6"), "expected 0 to 5"),
        (("--unseen", "4", "--folds", "7"), "expected 0 to 5"),
        (("--fold", "1"), "no class is held out"),
        (("--folds", "2"), "add --unseen"),
        (("--unseen", "4", "--fold", "1", "--folds", "2"), "give one"),
        (("--shots", "2", "--long-tail", "10"), "give one"),
        (("--long-tail", "0.3"), "long_tail is 0.3"),
        (("--shots", "1", "--batch-size", "32"), "but the training split has 26 clip(s)"),
    ],
)
def test_a_regime_that_cannot_be_is_refused_in_one_line(given, says, smoke: Path, tmp_path: Path, capfd) -> None:
    where = ("--preset", "smoke", "--root", str(smoke), "--out", str(tmp_path / "out"))
    assert main(["run", "--methods", "tsn", *given, *where]) == 2
    error = capfd.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", [("--unseen", "25"), ("--unseen", "4", "--folds", "7"), ("--folds", "2")])
def test_an_ablation_refuses_it_before_it_checks_its_factors(given, smoke: Path, tmp_path: Path, capfd) -> None:
    where = ("--preset", "smoke", "--root", str(smoke), "--out", str(tmp_path / "out"))
    assert ablate(["--disable", "fgsa", *given, *where]) == 2
    error = capfd.readouterr().err
    assert "expected" in error or "add --unseen" in error
    assert error.count("\n") == 1


def test_the_design_of_regimes_plans_every_control_in_every_fold(smoke: Path, tmp_path: Path, capsys) -> None:
    where = ("--preset", "smoke", "--root", str(smoke), "--out", str(tmp_path / "out"), "--device", "cpu")
    assert ablate(["--design", "regimes", "--unseen", "4", "--folds", "2", "--seeds", "3", *where, "--dry-run"]) == 0
    said = capsys.readouterr().out
    for row in ("text=shuffled", "text=names", "text=static", "text=random", "w/o fgsa", "w/o loss.fine", "w/o cpa"):
        assert row in said
    # 2 folds of: 8 rows of FG-SGL and the probe with 3 seeds, 2 zero-shot rows, 2 floors, 3 ceilings
    assert "68 cells to run" in said


def test_unseen_classes_stand_in_the_config_for_mmaction(capsys) -> None:
    assert main(["config", "fgsgl", "--unseen", "2", "--preset", "smoke"]) == 0
    names: dict = {}
    exec(capsys.readouterr().out, names)  # a config file is Python
    assert names["model"]["unseen"] == list(held_out(load_names(), 2, 0))
    assert names["train_dataloader"]["dataset"]["regime"]["unseen"] == 2
    assert json.dumps(names["test_dataloader"]["dataset"]["regime"])


@pytest.fixture
def own_table(tmp_path: Path) -> tuple[str, ...]:
    """Options for a table of eight classes, whose FG-Text has them in alphabetical order."""
    rows = [f"{name}-{split}.mp4,{name},{split},{split}" for name in OWN for split in ("train", "val", "test")]
    (tmp_path / "my.csv").write_text("\n".join(["video,label,subject,split", *rows]) + "\n")
    (tmp_path / "my.yaml").write_text(draft("my", OWN))
    return "--dataset", "csv", "--table", str(tmp_path / "my.csv"), "--unseen", "2"


OWN = ("bow", "clap", "fidget", "nod", "point", "shrug", "sway", "wave")


def exported(capsys: pytest.CaptureFixture) -> dict:
    names: dict = {}
    exec(capsys.readouterr().out, names)
    return names


@pytest.mark.parametrize("method", ["fgsgl", "tsm"])
def test_a_config_holds_out_the_classes_of_the_table_that_its_loaders_hold_out(
    own_table: tuple[str, ...], method: str, capsys
) -> None:
    (Path(own_table[3]).with_suffix(".classes.txt")).write_text("\n".join(OWN))
    assert main(["config", method, *own_table]) == 0
    config = exported(capsys)
    head = config["model"] if method == "fgsgl" else config["model"]["cls_head"]["loss_cls"]
    assert head["unseen"] == list(held_out(OWN, 2, 0)) and head["num_classes"] == 8
    assert config["dataset_meta"]["classes"] == list(OWN)


def test_text_of_other_classes_than_the_tables_is_refused_before_classes_are_held_out(
    own_table: tuple[str, ...], tmp_path: Path, capsys
) -> None:
    """The cells hold out by the table's names, so by the text's names others could be held out."""
    text, renamed = tmp_path / "my.yaml", (*OWN[:3], "nods", *OWN[4:])
    text.write_text(draft("my", renamed))
    for words in (["fgsgl"], ["fgsgl", "--unseen", "3"]):
        assert main(["config", *words, *own_table[:4]]) == 2
        assert "class 3 is 'nods' in FG-Text 'my', but 'nod' in csv at" in capsys.readouterr().err
    words = ["--disable", "fgsa", *own_table, "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert ablate([*words, "--dry-run"]) == 2
    assert "class 3 is 'nods' in FG-Text 'my', but 'nod' in csv at" in capsys.readouterr().err

    assert main(["config", "tsm", *own_table]) == 0, "it reads no text"
    unseen = exported(capsys)["model"]["cls_head"]["loss_cls"]["unseen"]
    assert unseen == list(held_out(OWN, 2, 0)) != list(held_out(renamed, 2, 0))
    text.unlink()
    assert main(["config", "tsm", *own_table]) == 0
    assert exported(capsys)["model"]["cls_head"]["loss_cls"]["unseen"] == unseen
    assert main(["config", "fgsgl", *own_table]) == 2
    assert "my.yaml" in capsys.readouterr().err
