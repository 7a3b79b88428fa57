"""When a repetition counts as one, and which records may be repeated at all; a real one is in test_experiment.py."""

from pathlib import Path

import made
import numpy as np
import pytest
from msgspec import structs
from scipy import stats

from fgsgl.cli.reproduce import cell_again, verdict, wanted
from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import Predictions, write_predictions
from fgsgl.records.protocol import default_protocol
from fgsgl.records.record import Done, Environment, Hardware
from fgsgl.report.board.rows import rows
from fgsgl.report.diff import PredictionChange
from fgsgl.util.errors import UserError

PROTOCOL = default_protocol("synmg", "smoke")
DATA = DataSpec(dataset="synmg", preset="smoke", root=Path("toy"))


def cell_of(fingerprint: str = "f", variant: str = "full", seed: int = 0) -> Cell:
    """FG-SGL, or FG-SGL without FG-SA under another name."""
    settings = {} if variant == "full" else {"fgsa": False}
    named = Variant(method="fgsgl", name=variant, changes=settings)
    return made.a_cell(seed=seed, protocol=PROTOCOL, variant=named, fingerprint=fingerprint, text="synmg")


def record_of(fingerprint: str = "f", variant: str = "full", seed: int = 0, top1: float = 0.7, **changes) -> Done:
    """A finished cell of FG-SGL, as it would be recorded."""
    values = {
        "environment": Environment(git_commit="c0ffee"), "hardware": Hardware(device="cpu", threads=1),
        "predictions_sha256": f"{seed} {top1}",
    }  # fmt: skip
    return made.done(cell_of(fingerprint, variant, seed), top1, **(values | changes))


SCORES = Predictions(
    clip_ids=np.array(["a"]), subjects=np.array(["s"]), labels=np.array([0]), scores={"combined": np.ones((1, 1))}
)
TOP1S = (0.70, 0.72, 0.71, 0.69)
ROW = [record_of(seed=seed, top1=top1) for seed, top1 in enumerate(TOP1S)]


def answered(changed: int) -> PredictionChange:
    return PredictionChange(n=400, changed=changed, largest=0.1, identical=False)


def test_the_interval_of_one_more_run_is_student_ts() -> None:
    mean, sd = np.mean(TOP1S), np.std(TOP1S, ddof=1)
    edge = float(stats.t.ppf(0.975, 3) * sd * np.sqrt(1 + 1 / 4))
    for top1, inside in ((mean + edge - 1e-6, True), (mean - edge + 1e-6, True), (mean + edge + 1e-6, False)):
        found = verdict(ROW[0], structs.replace(ROW[0], metrics=made.metrics(top1)), answered(9), ROW)
        assert found.reproduced == inside
        assert ("within the row's interval" in found.said) == inside and f"{100 * (mean - edge):.2f} to" in found.said


def test_identity_and_the_same_classes_need_no_interval_and_less_needs_one() -> None:
    lone = ROW[:1]
    same = PredictionChange(n=400, changed=0, largest=0.0, identical=True)
    assert "identical: every score" in verdict(lone[0], lone[0], same, lone).said
    again = structs.replace(lone[0], hardware=Hardware(device="cuda", threads=1, compiled=False))
    near = verdict(lone[0], again, answered(0), lone)
    assert near.reproduced and "not identical (other device); 0 of 400 clips changed" in near.said
    pooled = structs.replace(lone[0], hardware=structs.replace(lone[0].hardware, unrepeatable=["max_pool3d_backward"]))
    said = verdict(pooled, pooled, answered(0), lone)
    assert "on the same machine, device, code and versions; a GPU repeats no max_pool3d_backward" in said.said
    far = verdict(lone[0], again, answered(1), lone)
    assert not far.reproduced and "a row of one seed has no interval to lie in" in far.said


def test_rows_and_cells_are_found_by_name(tmp_path: Path) -> None:
    ledger, without = Ledger(tmp_path), record_of(variant="w/o fgsa")
    every = [*ROW, without, made.failed(cell_of(seed=9))]
    for record in every:
        record.write(tmp_path)
        write_predictions(tmp_path, record.cell_id, SCORES)
    board = rows(every)
    assert wanted(board, "FG-SGL", ledger) == wanted(board, "fgsgl", ledger) == ROW
    assert wanted(board, "FG-SGL w/o fgsa", ledger) == [without]
    assert wanted(board, ROW[2].cell_id[:9], ledger) == [ROW[2]]
    with pytest.raises(UserError, match=r"no row is called 'FG-SGL w/o fsga' \(did you mean FG-SGL w/o fgsa"):
        wanted(board, "FG-SGL w/o fsga", ledger)
    with pytest.raises(UserError, match="has finished, so there is no result"):
        wanted(board, every[-1].cell_id, ledger)
    (tmp_path / f"{without.cell_id}.npz").unlink()
    with pytest.raises(UserError, match=f"the predictions .*{without.cell_id}.npz cannot be read"):
        wanted(board, without.cell_id, ledger)
    other = structs.replace(ROW[1], protocol_hash="other")
    with pytest.raises(UserError, match=f"means several rows .*{ROW[0].cell_id}, {other.cell_id}"):
        wanted(rows([ROW[0], other]), "fgsgl", ledger)


def test_a_tuned_row_is_found_with_the_cell_that_it_shares_with_the_default(tmp_path: Path) -> None:
    ledger, changed = Ledger(tmp_path), record_of(variant="tuned", seed=1)
    shared = structs.replace(cell_of().planned(), variant="tuned")
    plan = [shared, cell_of(variant="tuned", seed=1).planned()]
    for record in (*ROW, changed):
        record.write(tmp_path)
        write_predictions(tmp_path, record.cell_id, SCORES)
    board = rows([*ROW, changed], plan)
    assert wanted(board, "FG-SGL tuned", ledger) == [ROW[0], changed] and wanted(board, "FG-SGL", ledger) == ROW


def test_a_tuned_record_becomes_its_cell_again() -> None:
    """What a search changes of the settings and of the recipe stands in the record's config, resolved."""
    clip = Clip(clip_id="c", video="c.mp4", start_frame=0, end_frame=50, label=0, subject="s", split="test", fps=25.0)
    table = ClipTable(dataset="synmg", root=Path("toy"), classes=("x",), clips=(clip,))
    changes = {"loss_fine": 0.3, "cpa": False, "recipe.lr": 0.00123, "recipe.warmup": 0.25}
    cell = Cell(
        variant=Variant(method="fgsgl", name="tuned", changes=changes), protocol=PROTOCOL, seed=2,
        fingerprint=table.fingerprint(), text="synmg",
    )  # fmt: skip
    record = record_of(table.fingerprint(), "tuned", 2, cell_id=cell.cell_id, config=cell.method.describe(changes))
    again = cell_again(record, PROTOCOL, table, DATA)
    assert again.cell_id == cell.cell_id and dict(again.variant.changes) == changes


def test_a_record_becomes_its_cell_again_or_says_why_not() -> None:
    clip = Clip(clip_id="c", video="c.mp4", start_frame=0, end_frame=50, label=0, subject="s", split="test", fps=25.0)
    root = Path("toy")
    table = ClipTable(dataset="synmg", root=root, classes=("x",), clips=(clip,))
    for record in (record_of(table.fingerprint(), name, seed=3) for name in ("full", "w/o fgsa")):
        cell = cell_again(record, PROTOCOL, table, DATA)
        assert (cell.cell_id, cell.variant.name, cell.seed) == (record.cell_id, record.variant, 3)
        assert cell.variant.changes == ({} if record.variant == "full" else {"fgsa": False})
    with pytest.raises(UserError, match="was run on elsewhere; give their folder with --root"):
        cell_again(record_of("elsewhere"), PROTOCOL, table, DATA)
    config = structs.replace(record.config, recipe={**record.config.recipe, "optimizer": "SGD"})
    older = structs.replace(record, config=config, pretraining="synmg-tiny@0000")
    told = r"recipe.optimizer was SGD, is AdamW; pretraining was synmg-tiny@0000, is .*; go back to commit c0ffee"
    with pytest.raises(UserError, match=told):
        cell_again(structs.replace(older, cell_id="0" * 16), PROTOCOL, table, DATA)
    config = structs.replace(record.config, settings={**record.config.settings, "wings": 2})
    with pytest.raises(UserError, match="fgsgl has no setting 'wings'"):
        cell_again(structs.replace(record, config=config), PROTOCOL, table, DATA)
