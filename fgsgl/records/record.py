"""The record: one typed, versioned JSON for a finished or failed cell, with its predictions in a file beside it.

Everything a board shows is computed from records. This module imports no torch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fgsgl.util.errors import UserError
from fgsgl.util.files import write_whole

SCHEMA = 1
FAILURES = ("bad_data", "unwritable", "out_of_memory", "nan", "time_limit", "killed", "infrastructure", "error")
INFRASTRUCTURE = ("killed", "infrastructure")
"""The failures that say nothing about the cell, which is tried again after one."""
RESULTS = ("out_of_memory", "nan", "time_limit", "error")
"""Failures that are the cell's result: the same command does not run it again, `fgsgl retry` does."""


class Pruned(Exception):
    """The pruner of its study ended a trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What happened in one cell.

    Raises:
        UserError: from :func:`read_record`, for a file of another schema version or with other keys.
    """

    schema: int = SCHEMA
    cell_id: str
    """16 hex digits over what changes the result."""
    status: str
    """``done``, ``failed``, or ``pruned``: a trial of a search that was ended early, with its curve and times, and
    without metrics."""
    failure: dict[str, str] | None = None
    """``{"class": one of FAILURES, "message": one line}`` of a failed cell."""
    attempts: int = 1
    """How often the command started the cell: more than once after failures of the infrastructure."""
    method: str
    """Name of the file in ``baselines/``, or ``fgsgl``."""
    variant: str
    """``full``, or what was changed, such as ``w/o fgsa`` or ``w/o fgsa, text=names``."""
    kind: str
    """``method``, ``floor`` (needs no training) or ``ceiling`` (knows the truth)."""
    seed: int
    protocol: dict[str, Any]
    """The frozen protocol: data set, preset, frames, size, epochs, batch size, ... as it was hashed."""
    protocol_hash: str
    config: dict[str, Any]
    """The resolved settings of the method."""
    data: dict[str, Any]
    """``fingerprint``, ``classes`` (names), ``n_clips`` and ``n_subjects`` per split, ``majority`` (share of the
    scored split's largest class), ``split_sha256`` (over the sorted clip ids of the scored split), ``skipped``
    (``[{"clip_id", "split", "reason"}]``, clips left out by ``--skip-bad``) and ``audit`` (of
    :func:`fgsgl.data.audit.audit`; records of older versions have none)."""
    pretraining: str
    """Name and hash of the weights the method starts from, or ``none``."""
    environment: dict[str, Any]
    """Versions of Python, torch and the rest, ``git_commit``, ``git_dirty``, ``fgsgl``."""
    hardware: dict[str, Any]
    """``device``, ``cpu``, ``cores``, ``memory_gib``, ``gpu``, ``threads`` (of a process), ``autocast``, ``devices``
    (processes that trained it), ``compiled`` (whether its visual tower was) and, where a GPU met any, ``unrepeatable``
    (operations of which :func:`fgsgl.training.determinism.repeatable` knows no repeatable form)."""
    started_utc: str
    test_openings: int | None = None
    """How often the cell's processes have opened the test split: once, again after a kill in its evaluation, never in a
    search. Records of older versions have not counted."""
    times_s: dict[str, float] = field(default_factory=dict)
    """Seconds by phase: ``import``, ``data``, ``build``, ``train``, ``evaluate``, ``total``."""
    peak_memory_mib: float | None = None
    params: int | None = None
    trainable_params: int | None = None
    cost: dict[str, float] = field(default_factory=dict)
    """Of :func:`fgsgl.training.cost.measure`: ``gflops``, ``latency_ms``, ``clips_per_s``."""
    curve: list[dict[str, float]] = field(default_factory=list)
    """One row an epoch: ``epoch`` (from 1), ``loss``, every ``loss_*`` part, ``lr``, ``val_top1``, ``train_s``,
    ``clips_per_s`` (trained, over all processes) and ``memory_mib`` (the largest so far, of the first process)."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Of :func:`fgsgl.stats.metrics.classification_metrics` on the combined score, with one such table more per
    extra score under ``by_score`` (``category``, ``fine``)."""
    selection: dict[str, Any] = field(default_factory=dict)
    """What was chosen on the validation split: ``epoch``, ``val_top1``, ``beta``, ..."""
    predictions_sha256: str | None = None
    localisation: dict[str, Any] | None = None
    """Of :func:`fgsgl.training.localisation.localise`, where the recognizer is built on the tower and the data set
    has masks; records of older versions have the attention's over the whole split, and neither ``saliency`` nor
    ``readout``."""


def scored_sha256(clip_ids: list[str] | np.ndarray) -> str:
    """Identity of a set of clip ids; equal for the split and for its predictions when each is scored exactly once."""
    return hashlib.sha256("\n".join(sorted(map(str, clip_ids))).encode()).hexdigest()[:16]


def write_record(folder: Path, record: Record) -> Path:
    """Writes ``<folder>/<cell_id>.json`` whole: temporary name, flush, rename. A finished record is never replaced by
    one that is not."""
    path = folder / f"{record.cell_id}.json"
    if record.status != "done" and path.exists() and read_record(path).status == "done":
        return path
    text = json.dumps(dataclasses.asdict(record), indent=1, sort_keys=True, allow_nan=False)
    write_whole(path, text + "\n")
    return path


def read_curve(path: Path) -> list[dict[str, float]]:
    """The rows of a learning curve so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def read_record(path: Path) -> Record:
    """Reads one record.

    Raises:
        UserError: if it is not a record of this schema version.
    """
    try:
        raw = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"the record {path} cannot be read: {error}") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        version = raw.get("schema") if isinstance(raw, dict) else None
        raise UserError(
            f"the record {path} has schema version {version!r}, expected {SCHEMA}; "
            "move it away, or read it with the release that wrote it"
        )
    try:
        return Record(**raw)
    except TypeError as error:
        raise UserError(f"the record {path} does not fit schema {SCHEMA}: {error}") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """Scores of every clip of the scored split. N clips, C classes."""

    clip_ids: np.ndarray
    """(N,) str"""
    subjects: np.ndarray
    """(N,) str"""
    labels: np.ndarray
    """(N,) int64, 0-based"""
    scores: dict[str, np.ndarray]
    """(N, C) float32 probabilities: ``combined`` always; ``category`` and ``fine`` where the method has them."""


def write_predictions(folder: Path, cell_id: str, predictions: Predictions) -> str:
    """Writes ``<folder>/<cell_id>.npz`` whole and returns the file's SHA-256."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        clip_ids=predictions.clip_ids.astype(str),
        subjects=predictions.subjects.astype(str),
        labels=predictions.labels.astype(np.int64),
        **{f"score_{name}": table.astype(np.float32) for name, table in predictions.scores.items()},
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
