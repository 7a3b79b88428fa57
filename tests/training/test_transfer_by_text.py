"""Cells that are tested on other classes than they are trained on, which their recognizers know by text alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import made
import numpy as np
import pytest
import torch

from fgsgl.cli.main import main
from fgsgl.data.synmg.make import load
from fgsgl.mmaction.datasets import ClipDataset
from fgsgl.models.towers.checkpoint import load_of_other_classes
from fgsgl.prediction.model_file import read_model, write_model
from fgsgl.prediction.trained import trained_cell
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import read_predictions
from fgsgl.records.record import Done
from fgsgl.text.fgtext import fingerprint
from fgsgl.training.record_check import check_records
from fgsgl.util.errors import UserError

pytestmark = pytest.mark.usefixtures("without_figures")

NAMES = ("folding arms", "pulling a collar", "swinging both legs")
LABELS = (2, 14, 20)
"""Of SynMG, whose clips stand for these."""
RUN = ("run", "--batch-size", "8", "--epochs", "1", "--shots", "1", "--device", "cpu", "--transfer", "synmg:smoke")


def own_table(smoke: Path, folder: Path, names: Sequence[str] = NAMES) -> Path:
    """A table of test clips alone, of three classes that have other names than SynMG's, with a draft of FG-Text."""
    folder.mkdir(parents=True, exist_ok=True)
    table = load(smoke)
    rows = [
        f"{clip.video},{NAMES[LABELS.index(clip.label)]},test,{clip.subject}"
        for clip in table.split("test")
        if clip.label in LABELS
    ]
    path = folder / "own.csv"
    path.write_text("\n".join(["video,label,split,subject", *rows]) + "\n")
    path.with_suffix(".fgsgl.yaml").write_text(f"videos: {smoke}\n")
    path.with_suffix(".classes.txt").write_text("\n".join(names) + "\n")
    assert main(["text", "new", str(path), "--from-names"]) == 0
    return path


def run(smoke: Path, table: Path, out: Path, *more: str) -> int:
    return main([*RUN, "--transfer-root", str(smoke), "--table", str(table), "--out", str(out), *more])


@pytest.fixture(scope="module")
def board(smoke: Path, shared) -> Path:
    """A board of FG-SGL, a baseline with text, and class names alone. Read-only."""

    def make(folder: Path) -> None:
        table = own_table(smoke, folder)
        with made.without_figures():
            assert run(smoke, table, folder / "board", "--methods", "fgsgl", "vificlip_lora", "zero_shot_names") == 0

    return shared("transfer-by-text", make) / "board"


def record_of(board: Path, method: str) -> Done:
    (record,) = (one for one in Ledger(board / "ledger").done().values() if one.method == method)
    return record


def test_records_hold_both_lists_of_classes_and_both_texts(board: Path, smoke: Path) -> None:
    trained_on = load(smoke)
    text = fingerprint(str(board.parent / "own.yaml"))
    for method in ("fgsgl", "vificlip_lora", "zero_shot_names", "majority"):
        record = record_of(board, method)
        assert record.data.classes == list(NAMES) and record.data.trained_classes == list(trained_on.classes)
        assert record.data.train_clips == [1] * len(trained_on.classes)
        assert record.text == ("none" if method == "majority" else f"{fingerprint('synmg')} {text}")
        predicted = read_predictions(board / "ledger", record.cell_id)
        assert predicted.scores["combined"].shape == (record.metrics.n_clips, len(NAMES))
        assert set(predicted.labels) == {0, 1, 2}
    ledger = Ledger(board / "ledger")
    assert not check_records(ledger.folder, ledger.records().values()).unknown_ids


def test_floors_know_nothing_of_classes_that_were_not_trained_on(board: Path) -> None:
    scores_NC = read_predictions(board / "ledger", record_of(board, "majority").cell_id).scores["combined"]
    assert np.allclose(scores_NC, 1 / len(NAMES))


def test_the_board_says_that_the_classes_are_others(board: Path) -> None:
    text = (board / "leaderboard.md").read_text()
    assert "trained on 26 and know the 3 that they are scored on by their text alone; none of these" in text
    assert "Draft" in text or "draft" in text


def test_an_exported_recognizer_predicts_as_its_cell_did(board: Path, tmp_path: Path) -> None:
    record = record_of(board, "fgsgl")
    trained = trained_cell(board, record)
    assert trained.by_text and trained.classes == NAMES and trained.train_clips == ()
    write_model(trained, tmp_path / "model.safetensors")
    model = read_model(tmp_path / "model.safetensors").build("cpu")
    split = ClipDataset("csv", str(board.parent / "own.csv"), "test", "all")
    with torch.no_grad():
        (answered,) = model.test_step({"inputs": [split[1]["inputs"]], "data_samples": [split[1]["data_samples"]]})
    recorded = read_predictions(board / "ledger", record.cell_id)
    place = recorded.clip_ids.tolist().index(split.clips[1].clip_id)
    np.testing.assert_allclose(answered.pred_score.numpy(), recorded.scores["combined"][place], atol=0.02)


def test_scores_follow_the_text_and_not_the_number_of_a_class(board: Path, smoke: Path, tmp_path: Path) -> None:
    """The same weights, since training is the same, with the classes in another order."""
    turned = own_table(smoke, tmp_path, NAMES[::-1])
    assert run(smoke, turned, tmp_path / "board", "--methods", "vificlip_lora", "--no-ceilings") == 0
    one, other = (
        read_predictions(folder / "ledger", record_of(folder, "vificlip_lora").cell_id)
        for folder in (board, tmp_path / "board")
    )
    assert one.clip_ids.tolist() == other.clip_ids.tolist() and (one.labels == 2 - other.labels).all()
    np.testing.assert_allclose(one.scores["combined"], other.scores["combined"][:, ::-1], atol=1e-5)


def test_weights_of_another_tower_or_of_classes_are_refused(board: Path) -> None:
    trained = trained_cell(board, record_of(board, "vificlip_lora"))
    model = trained.build("cpu")
    elsewhere = torch.tensor(list(b"tower elsewhere; x"), dtype=torch.uint8)
    with pytest.raises(UserError, match="trained on \\[tower elsewhere"):
        load_of_other_classes(model, {**trained.state, "identity": elsewhere})
    with pytest.raises(UserError, match="trained on \\[no FG-SGL"):
        load_of_other_classes(model, {name: value for name, value in trained.state.items() if name != "identity"})
    with pytest.raises(UserError, match=r"this model lacks 'linear\.weight'"):
        load_of_other_classes(model, {**trained.state, "linear.weight": torch.zeros(26, 4)})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--methods", "tsn", "fgsgl"), "for a transfer tsn would need the same classes in the same order: synmg at"),
        (("--methods", "fgsgl", "--unseen", "2"), "leave unseen out"),
    ],
)
def test_what_cannot_be_told_other_classes_is_refused(
    given: tuple[str, ...], says: str, board: Path, smoke: Path, tmp_path: Path, capfd
) -> None:
    assert run(smoke, board.parent / "own.csv", tmp_path / "out", *given) == 2
    error = capfd.readouterr().err
    assert says in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_an_arm_with_a_linear_layer_is_refused(board: Path, smoke: Path, tmp_path: Path, capfd) -> None:
    from fgsgl.ablations.run import main as ablate

    words = ["--disable", "head=linear", "--table", str(board.parent / "own.csv"), "--out", str(tmp_path / "out")]
    assert ablate([*words, "--transfer", "synmg:smoke", "--transfer-root", str(smoke), "--device", "cpu"]) == 2
    assert "fgsgl w/o cpa would need the same classes" in capfd.readouterr().err


def test_a_search_is_refused(board: Path, smoke: Path, tmp_path: Path, capfd) -> None:
    from fgsgl.sweeps.optuna_search import main as search

    words = ["--trials", "2", "--table", str(board.parent / "own.csv"), "--out", str(tmp_path / "out")]
    assert search([*words, "--transfer", "synmg:smoke", "--transfer-root", str(smoke), "--device", "cpu"]) == 2
    assert "a search scores validation clips, which are of synmg here" in capfd.readouterr().err
