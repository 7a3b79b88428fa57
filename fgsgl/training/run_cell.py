"""A cell's own process: ``python -m fgsgl.training.run_cell <spec.json>`` trains, evaluates and writes one record.

The parent (:mod:`fgsgl.running.scheduler`) writes the spec and waits; a cell that dies takes nothing else along. Where
torchrun starts several of them for one cell, the first does all this, and the others train along.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
from filelock import FileLock, Timeout

from fgsgl.data import datasets
from fgsgl.data.clip_table import SPLITS, ClipTable
from fgsgl.methods.cell import Cell
from fgsgl.models.precision import native
from fgsgl.records.environment import hardware, resolve_device
from fgsgl.records.failures import BUSY, failure_class
from fgsgl.records.record import Predictions, Pruned, Record, read_curve, scored_sha256, write_predictions, write_record
from fgsgl.stats.metrics import classification_metrics, grouped_metrics
from fgsgl.text.fgtext import load as load_text
from fgsgl.training.spec import LOCK, cell_of, common_fields, failed_record, record_of, table_of
from fgsgl.training.work_folder import count_opening, tidy
from fgsgl.util.errors import UserError
from fgsgl.util.processes import follow_starter

GRACE_S = 3.0
"""How long a process that trains along lets the first one tell an error that both have met."""


def main(spec_path: Path) -> int:
    """Runs the cell and writes its record, also when it fails; returns the exit code.

    A cell that another command has finished since it was looked at is left as it is.
    """
    clock = Clock()
    follow_starter()
    spec = json.loads(spec_path.read_text(encoding="utf-8"))
    if spec["devices"] > 1 and int(os.environ["RANK"]) > 0:
        return _train_along(spec, clock)
    try:
        with FileLock(Path(spec["work_dir"]) / LOCK, timeout=0):
            record = record_of(spec)
            return 0 if record and record.status == "done" else _run(spec, clock)
    except Timeout:
        return BUSY


def _run(spec: dict[str, Any], clock: Clock) -> int:
    cell, ledger = cell_of(spec), Path(spec["ledger"])
    run = run_trained if cell.method.kind == "method" else run_bound
    try:
        table = table_of(spec)
        clock.lap("data")
        result, predictions = run(cell, table, spec, clock)
        metrics = metrics_of(predictions, datasets.get(cell.protocol.dataset))
        sha256 = write_predictions(ledger, cell.cell_id, predictions)
    except Pruned:
        clock.lap("train")
        clock.total()
        write_record(ledger, pruned_record(spec, clock.laps_s))
        tidy(Path(spec["work_dir"]), "none")  # the weights of an epoch in the middle, which nothing could go on from
        return 0
    except Exception as error:  # whatever goes wrong in a cell becomes its record
        clock.total()
        write_record(ledger, failed_record(spec, failure_class(error), one_line(error), clock.laps_s))
        traceback.print_exc()
        return 2 if isinstance(error, UserError) else 1
    clock.total()
    fields = {**common_fields(spec), **result}
    record = Record(status="done", times_s=clock.laps_s, metrics=metrics, predictions_sha256=sha256, **fields)
    write_record(ledger, record)
    tidy(Path(spec["work_dir"]), spec["keep_checkpoints"])
    return 0


def _train_along(spec: dict[str, Any], clock: Clock) -> int:
    """What every process but the first does: it trains, and leaves the rest to the first."""
    from fgsgl.training.determinism import repeatable
    from fgsgl.training.train import train_and_score

    device, autocast = precision(spec)
    try:
        with repeatable(device):
            train_and_score(cell_of(spec), table_of(spec), spec, device, autocast, clock)
    except Pruned:
        return 0
    except Exception as error:  # torchrun ends all processes when one ends by an error
        traceback.print_exc()
        time.sleep(GRACE_S)
        if record_of(spec) is None:  # the first one has not met it
            write_record(Path(spec["ledger"]), failed_record(spec, failure_class(error), one_line(error), clock.laps_s))
        return 1
    return 0


def precision(spec: dict[str, Any]) -> tuple[str, str]:
    """The device of a cell, and whether it computes in ``bf16`` there (else ``none``)."""
    device = resolve_device(spec["device"], spec["devices"])
    return device, native(device)


def pruned_record(spec: dict[str, Any], times_s: dict[str, float]) -> Record:
    """The record of a trial's cell that its study's pruner ended."""
    device, autocast = precision(spec)
    return Record(
        status="pruned",
        data={"fingerprint": spec["fingerprint"]},
        hardware=hardware(device, spec["threads"], autocast, spec["devices"]),
        times_s=times_s,
        curve=read_curve(Path(spec["work_dir"]) / "curve.jsonl"),
        **common_fields(spec),
    )


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.started_s = self.last_s = time.monotonic()
        self.laps_s: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends a phase."""
        now_s = time.monotonic()
        self.laps_s[name] = round(now_s - self.last_s, 3)
        self.last_s = now_s

    def total(self) -> None:
        """Ends the whole."""
        self.laps_s["total"] = round(time.monotonic() - self.started_s, 3)


def describe_data(cell: Cell, table: ClipTable, skipped: dict[str, str]) -> dict[str, Any]:
    """What a record keeps of the data: counts and audit over the clips that are used, and the clips left out.

    The sentences that belong under the board are those of the table and, for a method that reads them, of skeletons.
    """
    from fgsgl.data.audit import audit
    from fgsgl.data.check import read_fingerprint, video_facts
    from fgsgl.data.frame_cache import check_folder

    method, folder = cell.method, check_folder(table)
    used = [clip for clip in table.clips if clip.clip_id not in skipped]
    by_split = {split: [clip for clip in used if clip.split == split] for split in SPLITS}
    scored = by_split[cell.protocol.scored_split]
    counts_C = np.bincount([clip.label for clip in scored], minlength=len(table.classes))
    of_skeletons = getattr(datasets.get(table.dataset), "SKELETON_CAVEATS", ()) if method.modality == "skeleton" else ()
    return {
        "fingerprint": table.fingerprint(),
        "classes": list(table.classes),
        "caveats": [*table.caveats, *of_skeletons],
        "checked": read_fingerprint(folder),
        "audit": audit(used, video_facts(table, folder), load_text(cell.text) if method.reads_text else None),
        "n_clips": {split: len(clips) for split, clips in by_split.items()},
        "n_subjects": {split: len({clip.subject for clip in clips}) for split, clips in by_split.items()},
        "majority": float(counts_C.max() / max(1, counts_C.sum())),
        "split_sha256": scored_sha256([clip.clip_id for clip in scored]),
        "skipped": [
            {"clip_id": clip.clip_id, "split": clip.split, "reason": skipped[clip.clip_id]}
            for clip in table.clips
            if clip.clip_id in skipped
        ],
    }


def metrics_of(predictions: Predictions, dataset: ModuleType) -> dict[str, Any]:
    """The metrics of every score, those of the data set's groups of classes, and the identity of the scored clips."""
    by_name = {
        name: classification_metrics(predictions.labels, scores_NC) for name, scores_NC in predictions.scores.items()
    }
    combined = by_name.pop("combined")
    if hasattr(dataset, "groups"):
        scores_NC = predictions.scores["combined"]
        combined |= grouped_metrics(predictions.labels, scores_NC, np.array(dataset.groups()))
    return {**combined, "by_score": by_name, "scored_sha256": scored_sha256(predictions.clip_ids)}


def one_line(error: Exception) -> str:
    """The error's message on one line."""
    return " ".join(f"{error}".split()) or type(error).__name__


def run_bound(cell: Cell, table: ClipTable, spec: dict[str, Any], clock: Clock) -> tuple[dict[str, Any], Predictions]:
    """Scores the clips that the others are scored on by a floor or ceiling, which sees no video."""
    from fgsgl.data.frame_cache import open_cache

    split = cell.protocol.scored_split
    bad = open_cache(table, cell.protocol.num_frames, cell.protocol.image_size).bad
    count_opening(cell.protocol, Path(spec["work_dir"]))
    train, clips = ([clip for clip in table.split(name) if clip.clip_id not in bad] for name in ("train", split))
    scores_NC = cell.method.scores(table, train, clips, cell.seed)
    clock.lap("evaluate")
    predictions = Predictions(
        clip_ids=np.array([clip.clip_id for clip in clips]),
        subjects=np.array([clip.subject for clip in clips]),
        labels=np.array([clip.label for clip in clips], dtype=np.int64),
        scores={"combined": scores_NC},
    )
    result = {"hardware": hardware("cpu", spec["threads"], "none"), "params": 0, "trainable_params": 0}
    return {**result, "data": describe_data(cell, table, bad)}, predictions


def run_trained(cell: Cell, table: ClipTable, spec: dict[str, Any], clock: Clock) -> tuple[dict[str, Any], Predictions]:
    """Trains and evaluates a recognizer in this process."""
    from fgsgl.training.determinism import repeatable
    from fgsgl.training.train import train_and_score

    device, autocast = precision(spec)
    with repeatable(device) as unrepeatable:
        result, predictions, skipped = train_and_score(cell, table, spec, device, autocast, clock)
    if unrepeatable:
        result["hardware"]["unrepeatable"] = sorted(unrepeatable)
    result["data"] = describe_data(cell, table, skipped)
    return result, predictions


def leave(code: int) -> NoReturn:
    """Ends the process as ``sys.exit`` does, but leaves the memory to the system.

    Python would free what torch and the recognizer hold piece by piece, for a second or two of every cell.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(Path(sys.argv[1])))
