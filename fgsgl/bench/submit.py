"""`fgsgl submit`: what a challenge asks for, written from a finished cell.

A data set whose challenge hides the labels offers ``hidden(root)``, and the cell's checkpoint scores its clips; else
the record's predictions are what is handed in. C classes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

import fgsgl.mmaction  # noqa: F401 (cures the stack, registers the recognizers)
from fgsgl.bench.cell import Cell
from fgsgl.bench.cell_main import cell_of
from fgsgl.bench.config import build_config
from fgsgl.bench.environment import cpu_has_bf16, resolve_device
from fgsgl.bench.evaluate import predict_split
from fgsgl.bench.ledger import Ledger
from fgsgl.bench.method import Classes
from fgsgl.bench.record import Predictions, Record, read_predictions, scored_sha256
from fgsgl.data import sets
from fgsgl.data.cache import open_cache
from fgsgl.data.cliptable import ClipTable
from fgsgl.data.mm import ClipDataset
from fgsgl.errors import UserError
from fgsgl.files import write_whole

Progress = Callable[[int, int], None]


def chosen(folder: Path, cell_id: str | None) -> Record:
    """The record of a board's cell; without an id, of the only method that has one.

    Raises:
        UserError: for a folder without finished cells, an unknown cell, or several to choose from.
    """
    records = Ledger(folder / "ledger").done()
    named = {
        name: record for name, record in records.items() if name == cell_id or (not cell_id and record.kind == "method")
    }
    if len(named) == 1:
        return next(iter(named.values()))
    if not records:
        raise UserError(
            f"no finished cell in {folder / 'ledger'}; expected a board's folder, such as `fgsgl run` makes"
        )
    known = ", ".join(
        f"{name} ({record.method} {record.variant}, seed {record.seed})" for name, record in records.items()
    )
    what = f"no finished cell {cell_id}" if cell_id else f"{len(named)} finished methods"
    raise UserError(f"{what} in {folder / 'ledger'}; name one of these with --cell: {known}")


def submit(
    folder: Path,
    record: Record,
    root: Path | None,
    device: str,
    out: Path | None,
    decoding: Progress,
    scoring: Progress,
) -> tuple[Path, int, int]:
    """Writes the archive of a cell.

    Args:
        folder: the board's.
        record: of the cell.
        root: the data set's folder; None: where it lay when the cell ran.
        device: ``auto``, ``cpu`` or ``cuda``; used where clips are to be scored.
        out: the archive; None: in the cell's work folder, under the name that the challenge expects.
        decoding, scoring: called with (done, all) while hidden clips are decoded and scored.

    Returns:
        the archive's path, its number of clips, and how many the challenge has.

    Raises:
        UserError: for a data set without a challenge, a cell that did not score every clip, a checkpoint that is gone
            or of another version, or clips that cannot be read.
    """
    module = sets.get(record.protocol["dataset"])
    if not hasattr(module, "submission"):
        able = [name for name in sets.names() if hasattr(sets.get(name), "submission")]
        raise UserError(f"{record.protocol['dataset']} has no challenge to submit to; {', '.join(able)} have one")
    work_dir = folder / "work" / record.cell_id
    if hasattr(module, "hidden"):
        predictions = _of_hidden(work_dir, record, module, root, device, decoding, scoring)
    else:
        predictions = _of_record(folder / "ledger", record)
    path = out or work_dir / module.SUBMISSION
    write_whole(path, module.submission(predictions.clip_ids.tolist(), predictions.scores["combined"]))
    return path, len(predictions.clip_ids), module.SUBMISSION_CLIPS


def _of_record(ledger: Path, record: Record) -> Predictions:
    """The record's predictions, if they are all of the test split's."""
    skipped = sum(row["split"] == "test" for row in record.data["skipped"])
    if skipped:
        raise UserError(
            f"cell {record.cell_id} left {skipped} test clip(s) out (--skip-bad), and a submission needs every one; "
            "restore their videos and run it again without --skip-bad"
        )
    predictions = read_predictions(ledger, record.cell_id)
    whole = hashlib.sha256((ledger / f"{record.cell_id}.npz").read_bytes()).hexdigest() == record.predictions_sha256
    if not whole or scored_sha256(predictions.clip_ids) != record.data["split_sha256"]:
        raise UserError(
            f"the predictions {ledger / record.cell_id}.npz are not those of the record: not every clip of the test "
            "split once; remove the record and run the cell again"
        )
    return predictions


def _of_hidden(
    work_dir: Path,
    record: Record,
    module: ModuleType,
    root: Path | None,
    device: str,
    decoding: Progress,
    scoring: Progress,
) -> Predictions:
    """Scores the clips whose labels the release hides with the cell's checkpoint."""
    cell, spec = _cell_of(work_dir, record)
    if cell.method.model is None:
        raise UserError(
            f"{cell.method.display_name} sees no video, and the clips to submit must be scored; choose a method"
        )
    root = root or Path(spec["root"])
    _decode(module.hidden(root), cell, decoding)
    return _score(cell, root, work_dir, device, scoring)


def _cell_of(work_dir: Path, record: Record) -> tuple[Cell, dict[str, Any]]:
    spec_path = work_dir / "spec.json"
    if not spec_path.is_file():
        raise UserError(
            f"no {spec_path}: the cell's work folder is gone, and its checkpoint with it; run the cell again"
        )
    spec = json.loads(spec_path.read_text(encoding="utf-8"))
    cell = cell_of(spec)
    if cell.cell_id != record.cell_id:
        raise UserError(
            f"cell {record.cell_id} was trained with other settings, weights or text than this version has (which "
            f"would be cell {cell.cell_id}); go back to commit {record.environment['git_commit']}, or run it again"
        )
    return cell, spec


def _decode(table: ClipTable, cell: Cell, progress: Progress) -> None:
    """Fills the frame cache, of which no clip may be missing."""
    protocol = cell.protocol
    bad = open_cache(
        table, protocol.num_frames, protocol.image_size, workers=os.cpu_count() or 1, progress=progress
    ).bad  # fmt: skip
    if bad:
        raise UserError(f"{next(iter(bad.values()))} ({len(bad)} such clip(s)); a submission needs every one")


def _score(cell: Cell, root: Path, work_dir: Path, device: str, progress: Progress) -> Predictions:
    """Builds the cell's recognizer, loads its last epoch's weights and scores every hidden clip once."""
    device, protocol = resolve_device(device), cell.protocol
    clips = ClipDataset(
        protocol.dataset, str(root), "hidden", protocol.preset, num_frames=protocol.num_frames,
        image_size=protocol.image_size,
    )  # fmt: skip
    classes = Classes(count=len(clips.metainfo["classes"]), text=cell.text)
    config = build_config(
        cell.method, cell.variant.changes, protocol, cell.seed, classes=classes, root=root, work_dir=work_dir
    )["model"]  # fmt: skip
    model = MODELS.build({**config, "autocast": "bf16" if device == "cuda" or cpu_has_bf16() else "none"}).to(device)
    if cell.method.recipe:
        path = work_dir / f"epoch_{protocol.epochs}.pth"
        if not path.is_file():
            raise UserError(f"no checkpoint at {path}, which the submission needs; run the cell again in a new --out")
        model.load_state_dict(torch.load(path, map_location=device, weights_only=True)["state_dict"])
    loader = DataLoader(clips, batch_size=protocol.batch_size, collate_fn=pseudo_collate)
    return predict_split(model, loader, progress)
