"""The predictions of a cell: the scores of every clip of the scored split, in a file beside the record."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgsgl.util.errors import UserError
from fgsgl.util.files import write_whole

HIDDEN = -1
"""Stands for a hidden label; such a clip is never scored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """Scores of every clip of the scored split. N clips, C classes."""

    clip_ids: np.ndarray
    """(N,) str"""
    subjects: np.ndarray
    """(N,) str"""
    labels: np.ndarray
    """(N,) int64, 0-based; :data:`HIDDEN` where a challenge keeps the label secret."""
    scores: dict[str, np.ndarray]
    """(N, C) float32 probabilities: ``combined`` always; ``category`` and ``fine`` where the method has them."""


def write_predictions(folder: Path, cell_id: str, predictions: Predictions) -> str:
    """Writes ``<folder>/<cell_id>.npz`` whole and returns the file's SHA-256."""
    buffer = io.BytesIO()
    tables: dict[str, Any] = {f"score_{name}": table.astype(np.float32) for name, table in predictions.scores.items()}
    np.savez_compressed(
        buffer,
        clip_ids=predictions.clip_ids.astype(str),
        subjects=predictions.subjects.astype(str),
        labels=predictions.labels.astype(np.int64),
        **tables,
    )
    write_whole(folder / f"{cell_id}.npz", buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_predictions(folder: Path, cell_id: str) -> Predictions:
    """Reads the predictions beside a record; nothing in the file can run code.

    Raises:
        UserError: if the file is missing or not such a table.
    """
    path = folder / f"{cell_id}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            scores = {name.removeprefix("score_"): file[name] for name in file.files if name.startswith("score_")}
            return Predictions(
                clip_ids=file["clip_ids"], subjects=file["subjects"], labels=file["labels"], scores=scores
            )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"the predictions {path} cannot be read: {error}") from None
