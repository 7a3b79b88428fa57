"""Records of cells that were not run: copies of one that was, with predictions that their numbers are computed from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
from msgspec import structs, to_builtins

from fgsgl.data import datasets
from fgsgl.methods.cell import recorded_id
from fgsgl.records.predictions import Predictions
from fgsgl.records.record import Done, content_sha256
from fgsgl.training.cell_metrics import metrics_of


def other_answers(known: Predictions, random: np.random.Generator) -> Predictions:
    """Other answers to the same clips; of 1 or 0, so that they are written and unpacked in no time."""
    n_clips, n_classes = known.scores["combined"].shape
    scores = {}
    for name in known.scores:
        said_N = np.where(random.random(n_clips) < 0.7, known.labels, random.integers(n_classes, size=n_clips))
        scores[name] = np.eye(n_classes, dtype=np.float32)[said_N]
    return dataclasses.replace(known, scores=scores)


def write_copy(ledger: Path, record: Done, predictions: Predictions) -> None:
    """Writes a cell under the id that follows from the record, like the runner, but without waiting for the disk."""
    text = None if record.text == "none" else record.text
    record = structs.replace(
        record,
        cell_id=recorded_id(record, text),
        metrics=metrics_of(predictions, datasets.get(record.protocol.dataset)),
        predictions_sha256=None,
    )
    tables = {f"score_{name}": table for name, table in predictions.scores.items()}
    np.savez_compressed(
        ledger / f"{record.cell_id}.npz", clip_ids=predictions.clip_ids, subjects=predictions.subjects,
        labels=predictions.labels, **tables,
    )  # fmt: skip
    content = to_builtins(record)
    content["content_sha256"] = content_sha256(content)
    text_of = json.dumps(content, indent=1, sort_keys=True)
    (ledger / f"{record.cell_id}.json").write_text(text_of + "\n", encoding="utf-8")
