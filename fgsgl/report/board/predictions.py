"""What a cell answered for each clip of the test split, from the predictions beside its record.

Opened only where a number needs it (an interval over clips, a test over subjects, two rows that may be the same), and
each file once. N clips, C classes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fgsgl.records.predictions import Predictions, read_predictions
from fgsgl.records.record import Record
from fgsgl.records.row_key import RowKey
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Of one cell, its clips sorted by their id, so that those of two cells with one split are pairs."""

    said_N: np.ndarray
    """(N,) the class with the highest combined score, from 0."""
    right_N: np.ndarray
    """(N,) bool"""
    subject_N: np.ndarray
    """(N,) str"""
    scores_sha256: str
    """Over the combined scores to the last bit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerBook:
    """The answers of the cells of one folder."""

    ledger: Path
    _opened: dict[str, Answers | None] = field(default_factory=dict)

    def of(self, record: Record) -> Answers | None:
        """The answers of a finished cell; None if no predictions lie beside its record.

        Raises:
            UserError: from :func:`predictions_beside`.
        """
        if record.cell_id not in self._opened:
            predictions = predictions_beside(self.ledger, record)
            self._opened[record.cell_id] = None if predictions is None else _answers(predictions)
        return self._opened[record.cell_id]


def predictions_beside(ledger: Path, record: Record) -> Predictions | None:
    """The predictions of a finished cell, held against its record; None if there is no such file.

    Raises:
        UserError: if they are damaged, or are not those that the record names.
    """
    path = ledger / f"{record.cell_id}.npz"
    if not path.is_file():
        return None
    if hashlib.sha256(path.read_bytes()).hexdigest() != record.predictions_sha256:
        raise UserError(
            f"the predictions of cell {record.cell_id} in {ledger} are not those that its record names; "
            "bring back the file that the cell wrote, or move it away"
        )
    predictions = read_predictions(ledger, record.cell_id)
    shape = predictions.scores.get("combined", np.empty(0)).shape
    expected = (record.metrics.n_clips, len(record.data.classes))
    lengths = {len(predictions.clip_ids), len(predictions.subjects), len(predictions.labels)}
    if shape != expected or lengths != {expected[0]}:
        raise UserError(
            f"the predictions of cell {record.cell_id} in {ledger} have combined scores of shape {shape}, "
            f"expected {expected}, and as many clips, subjects and labels; run the cell again"
        )
    return predictions


def _answers(predictions: Predictions) -> Answers:
    order_N = np.argsort(predictions.clip_ids)
    scores_NC = np.ascontiguousarray(predictions.scores["combined"][order_N])
    said_N = scores_NC.argmax(axis=1)
    return Answers(
        said_N=said_N,
        right_N=said_N == predictions.labels[order_N],
        subject_N=predictions.subjects[order_N],
        scores_sha256=hashlib.sha256(scores_NC).hexdigest(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Twins:
    """Rows whose answers are the same in every clip of the seeds that they share."""

    rows: tuple[RowKey, ...]
    seeds: tuple[int, ...]
    """In which they are."""
    to_the_bit: bool
    """Their scores are the same as well; if not, only the class with the highest score is."""


def twins(scored: Mapping[RowKey, Sequence[Record]], answers: AnswerBook) -> tuple[Twins, ...]:
    """Every group of rows that gave the same answer to every clip in a seed; one entry for all seeds of a group.

    Predictions are opened only for the cells of one protocol and seed whose records have the same shares.
    Where none lie beside a record, its digest of them stands for them, which tells scores and not answers apart.
    """
    alike = defaultdict(list)
    for key, group in scored.items():
        for record in group:
            alike[_shares(record)].append((key, record))
    seeds = defaultdict(list)
    for candidates in alike.values():
        if len(candidates) > 1:
            for rows, to_the_bit in _same(candidates, answers):
                seeds[rows, to_the_bit].append(candidates[0][1].seed)
    return tuple(
        Twins(rows=rows, seeds=tuple(sorted(of)), to_the_bit=to_the_bit) for (rows, to_the_bit), of in seeds.items()
    )


def _shares(record: Record) -> Hashable:
    """What two cells with the same answers share, and hardly any others: known without opening predictions."""
    found = record.metrics
    shares = found.top1, found.mean_class, found.macro_f1
    return record.protocol_hash, record.data.split_sha256, record.seed, *shares


def _same(
    candidates: Sequence[tuple[RowKey, Record]], answers: AnswerBook
) -> Iterator[tuple[tuple[RowKey, ...], bool]]:
    said = defaultdict(list)
    for key, record in candidates:
        clips = answers.of(record)
        if clips is not None:
            said[clips.said_N.tobytes()].append((key, clips.scores_sha256, record.cell_id))
        elif record.predictions_sha256 is not None:
            said[record.predictions_sha256].append((key, record.predictions_sha256, record.cell_id))
    for found in said.values():
        if len({cell_id for _, _, cell_id in found}) > 1:  # one cell of two rows is no surprise
            yield tuple(key for key, _, _ in found), len({scores for _, scores, _ in found}) == 1
