"""Records as a run writes them, made without a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import pytest
from msgspec import structs

from fgsgl.data import datasets
from fgsgl.methods.cell import Cell, Variant, recorded_id
from fgsgl.records.environment import GitState
from fgsgl.records.predictions import Predictions, write_predictions
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import (
    DataFacts,
    DataIdentity,
    Done,
    Environment,
    Failed,
    Failure,
    FailureClass,
    Hardware,
    Localisation,
    MethodConfig,
    Metrics,
    Pruned,
    SplitCounts,
)
from fgsgl.report.drawing import render as drawing_render
from fgsgl.report.drawing import scan as drawing_scan
from fgsgl.report.drawing.axes import Canvas
from fgsgl.stats.scores import ClassScores
from fgsgl.training.cell_metrics import metrics_of
from fgsgl.training.cell_spec import CellSpec
from fgsgl.training.record_check import held_out_of

PROTOCOL = Protocol(dataset="synmg", preset="quick", epochs=5)
CLASSES = ("one", "other")


def a_cell(method: str = "fgsgl", seed: int = 0, protocol: Protocol = PROTOCOL, **changes: Any) -> Cell:
    """A cell of SynMG's quick protocol."""
    given = {"variant": Variant(method=method), "fingerprint": "f", "text": "smg", **changes}
    return Cell(protocol=protocol, seed=seed, **given)


def spec(cell: Cell, work_dir: Path, **changes: Any) -> CellSpec:
    """What the process of a cell is told; its records go below the work folder."""
    values = {
        "variant": cell.variant, "protocol": cell.protocol, "seed": cell.seed, "fingerprint": cell.fingerprint,
        "text": cell.text, "root": work_dir / "data", "ledger": work_dir / "ledger", "work_dir": work_dir,
        "device": "cpu", "devices": 1, "threads": 1, "compile": False, "visualizer": None, "keep_checkpoints": "last",
        "git": GitState(git_commit=None, git_dirty=None), "attempt": 1, "started_utc": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return CellSpec(**{**values, **changes})


def facts(fingerprint: str = "f", classes: tuple[str, ...] = CLASSES, n_test: int = 100) -> DataFacts:
    """What a record says of its data."""
    return DataFacts(
        fingerprint=fingerprint,
        classes=list(classes),
        n_clips=SplitCounts(train=2 * n_test, val=n_test, test=n_test),
        n_subjects=SplitCounts(train=10, val=5, test=10),
        majority=0.5,
        split_sha256="c" * 16,
    )


def metrics(top1: float = 0.5, n_clips: int = 100, classes: int = len(CLASSES), **changes: Any) -> Metrics:
    """The metrics of a score whose shares are all the same."""
    per_class = [
        ClassScores(index=index, n=n_clips // classes, recall=top1, precision=top1, f1=top1) for index in range(classes)
    ]
    values = {
        "n_clips": n_clips, "n_classes": classes, "n_classes_present": classes, "top1": top1, "top5": 1.0,
        "mean_class": top1, "macro_f1": top1, "per_class": per_class, "scored_sha256": "c" * 16,
    }  # fmt: skip
    return Metrics(**{**values, **changes})


def common(cell: Cell, **changes: Any) -> dict[str, Any]:
    """The fields of a record that do not depend on how the cell ended."""
    values = {
        "cell_id": cell.cell_id, "method": cell.variant.method, "variant": cell.variant.name,
        "kind": cell.method.kind, "seed": cell.seed, "protocol": cell.protocol,
        "protocol_hash": cell.protocol.hash(), "config": cell.method.describe(cell.variant.changes),
        "data": DataIdentity(fingerprint=cell.fingerprint), "pretraining": cell.pretraining,
        "environment": Environment(git_commit="c" * 40, git_dirty=False),
        "hardware": Hardware(device="cpu", cpu="A CPU", cores=2, threads=1), "started_utc": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return {**values, **changes}


def done(cell: Cell, top1: float = 0.5, **changes: Any) -> Done:
    """The record of a finished cell."""
    values = {
        "data": facts(cell.fingerprint), "metrics": metrics(top1), "times_s": {"train": 60.0, "total": 70.0},
        "curve": [{"epoch": epoch + 1, "loss": 1.0, "val_top1": top1} for epoch in range(cell.protocol.epochs)],
    }  # fmt: skip
    return Done(**common(cell, **{**values, **changes}))


def write_cell(ledger: Path, record: Done, predictions: Predictions) -> Done:
    """Writes a finished cell; its id, hash, metrics and digests follow from what it holds and from its predictions."""
    text = None if record.text in (None, "none") else record.text
    record = structs.replace(
        record,
        protocol_hash=record.protocol.hash(),
        metrics=metrics_of(predictions, datasets.get(record.protocol.dataset), held_out_of(record)),
    )
    record = structs.replace(record, cell_id=recorded_id(record, text))
    sha256 = write_predictions(ledger, record.cell_id, predictions)
    record = structs.replace(record, predictions_sha256=sha256)
    content = json.loads(record.write(ledger).read_text())
    return structs.replace(record, content_sha256=content["content_sha256"])


@contextmanager
def without_figures(*but: str) -> Iterator[None]:
    """Boards are written without figures but these: drawing takes longer than anything else of a small board, and has
    tests of its own."""
    scan = drawing_scan.scan

    def chosen(package: ModuleType) -> drawing_scan.Scan:
        return drawing_scan.Scan(figures=tuple(one for one in scan(package).figures if one.name in but), faults=())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing_scan, "scan", chosen)
        yield


@contextmanager
def with_outlined_letters() -> Iterator[None]:
    """PDFs hold their letters as outlines (Type 3): the part of a font that our own style embeds, for journals that
    want one, takes a third of a second to find, for each figure of each board that a test draws."""
    pdf_of = drawing_render.pdf_of

    def outlined(canvas: Canvas) -> bytes:
        with matplotlib.rc_context({"pdf.fonttype": 3}):
            return pdf_of(canvas)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing_render, "pdf_of", outlined)
        yield


def board_without(board: Path, out: Path, record: Done) -> None:
    """Copies a board whose cells ran, as if it had been made at ``out`` and one of them had left no record."""
    shutil.copytree(board, out)
    for spec_file in (out / "work").glob("*/spec.json"):
        spec_file.write_text(spec_file.read_text().replace(str(board), str(out)))
    for suffix in ("json", "npz"):
        (out / "ledger" / f"{record.cell_id}.{suffix}").unlink()


def failed(cell: Cell, kind: FailureClass = "nan", message: str = "the loss is nan", **changes: Any) -> Failed:
    """The record of a cell that did not finish."""
    return Failed(failure=Failure(kind=kind, message=message), **common(cell, **changes))


def pruned(cell: Cell, **changes: Any) -> Pruned:
    """The record of a trial that its pruner ended."""
    return Pruned(**common(cell, **{"curve": [{"epoch": 1, "loss": 1.0, "val_top1": 0.1}], **changes}))


def localisation(energy: dict[str, float], **changes: Any) -> Localisation:
    """Where a recognizer looks, by the energy of its maps; the pointing game has the same shares."""
    return Localisation(**{"n_clips": 136, "clips_sha256": "aa", "energy": energy, "pointing": energy, **changes})


def config(display_name: str = "FG-SGL", **changes: Any) -> MethodConfig:
    """The settings of a method."""
    return MethodConfig(display_name=display_name, **changes)
