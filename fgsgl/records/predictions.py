"""The predictions of a cell: the scores of every clip of the scored split, in a file beside the record.

N clips, C classes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fgsgl.records.record import Done, scored_sha256
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular, write_whole

MOST_BYTES = 2**31
"""Largest file of predictions that is read, and the most that may be packed in it."""
_LONGEST_HEADER = 10_000

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
        UserError: if the file is missing, too large or not such a table.
    """
    path = folder / f"{cell_id}.npz"
    return _unpacked(_content(path), path)


def predictions_of(folder: Path, record: Done) -> Predictions:
    """The predictions of a finished cell, if they are those that its record names and are of its split.

    Raises:
        UserError: if they are missing or damaged, or do not belong to the record.
    """
    path = folder / f"{record.cell_id}.npz"
    content = _content(path)
    if record.predictions_sha256 not in (None, hashlib.sha256(content).hexdigest()):
        raise UserError(
            f"the predictions of cell {record.cell_id} in {folder} are not those that its record names; "
            "bring back the file that the cell wrote, or run the cell again"
        )
    predictions = _unpacked(content, path)
    shape, expected = predictions.scores["combined"].shape, (record.metrics.n_clips, len(record.data.classes))
    if shape != expected:
        raise UserError(f"the predictions {path} have scores of shape {shape}, expected {expected}; run the cell again")
    if scored_sha256(predictions.clip_ids) != record.metrics.scored_sha256:
        raise UserError(f"the predictions {path} are of other clips than the record's; run the cell again")
    return predictions


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except UserError as error:
        raise UserError(f"the predictions {error}") from None


def _unpacked(content: bytes, path: Path) -> Predictions:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
            if (packed := sum(info.file_size for info in members.values())) > MOST_BYTES:
                raise UserError(f"the predictions {path} unpack to {packed} bytes; the most is {MOST_BYTES}")
            tables = {name: _array(file.read(info)) for name, info in members.items()}
        scores = {name.removeprefix("score_"): table for name, table in tables.items() if name.startswith("score_")}
        found = Predictions(
            clip_ids=tables["clip_ids"], subjects=tables["subjects"], labels=tables["labels"], scores=scores
        )
        fault = _fault(found)
    except KeyError as error:
        fault = f"{error} is missing"
    except (ValueError, EOFError, OSError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        fault = f"{error}"
    if fault:
        raise UserError(f"the predictions {path} cannot be read: {fault}; bring back the file that the cell wrote")
    return found


def _array(content: bytes) -> np.ndarray:
    """A table of plain values in NumPy's format.

    Raises:
        ValueError: for another format, objects, or fewer values than the header says.
    """
    start = 10 + int.from_bytes(content[8:10], "little")  # magic, version and length, then the header
    shape, by_columns, dtype = _header(content[:start])
    values = np.frombuffer(content, dtype, offset=start)
    return values.reshape(shape, order="F" if by_columns else "C").copy(order="C")


@lru_cache(1000)  # cells of one split have the same
def _header(content: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"an array is in version {version} of NumPy's format, expected (1, 0)")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=_LONGEST_HEADER)
    if dtype.hasobject or dtype.names:
        raise ValueError(f"an array has the type {dtype}, expected plain values")
    return shape, by_columns, dtype


def _fault(found: Predictions) -> str:
    """One line on what cannot be in a cell's predictions; empty: nothing."""
    combined_NC = found.scores.get("combined")
    if combined_NC is None or combined_NC.ndim != 2 or 0 in combined_NC.shape:
        return "it has no table of combined scores, one row a clip and one column a class"
    n_clips, n_classes = combined_NC.shape
    for name, values_N, kinds in (
        ("clip_ids", found.clip_ids, "U"), ("subjects", found.subjects, "U"), ("labels", found.labels, "iu"),
    ):  # fmt: skip
        if values_N.shape != (n_clips,) or values_N.dtype.kind not in kinds:
            return f"{name} is {values_N.dtype} of shape {values_N.shape}, expected a value for each of {n_clips} clips"
    for name, scores_NC in found.scores.items():
        if scores_NC.shape != combined_NC.shape or scores_NC.dtype.kind != "f" or not np.isfinite(scores_NC).all():
            return f"the scores {name!r} are no finite numbers of shape {combined_NC.shape}"
    if not 0 <= found.labels.min() <= found.labels.max() < n_classes:
        return f"the labels span {found.labels.min()}..{found.labels.max()}, expected 0..{n_classes - 1}"
    if len(np.unique(found.clip_ids)) < n_clips:
        return "a clip is in it twice"
    return ""
