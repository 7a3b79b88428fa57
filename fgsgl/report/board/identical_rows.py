"""Rows with identical predictions: a setting that changes nothing gives itself away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fgsgl.records.record import Done
from fgsgl.report.board.predicted_classes import PredictionCache
from fgsgl.report.board.rows import RowKey


@dataclass(frozen=True, kw_only=True, slots=True)
class IdenticalRows:
    """Rows that predict the same class for every clip in some seeds."""

    rows: tuple[RowKey, ...]
    seeds: tuple[int, ...]
    """The seeds in which they do."""
    same_scores: bool
    """Whether their scores are the same as well, to the last bit."""


def identical_rows(scored: Mapping[RowKey, Sequence[Done]], predictions: PredictionCache) -> tuple[IdenticalRows, ...]:
    """Every group of rows that predict the same class for every clip in a seed; one entry for all seeds of a group.

    Predictions are read only for the cells of one protocol and seed whose records have the same shares. Where none lie
    beside a record, its digest of them is compared instead, which finds only rows with the same scores.
    """
    alike = defaultdict(list)
    for key, group in scored.items():
        for record in group:
            alike[_shares(record)].append((key, record))
    seeds = defaultdict(list)
    for candidates in alike.values():
        if len(candidates) > 1:
            for rows, same_scores in _identical(candidates, predictions):
                seeds[rows, same_scores].append(candidates[0][1].seed)
    return tuple(
        IdenticalRows(rows=rows, seeds=tuple(sorted(found)), same_scores=same_scores)
        for (rows, same_scores), found in seeds.items()
    )


def _shares(record: Done) -> Hashable:
    """Values that cells with the same predictions share, and hardly any others; known without reading predictions."""
    found = record.metrics
    shares = found.top1, found.mean_class, found.macro_f1
    return record.protocol_hash, record.data.split_sha256, record.seed, *shares


def _identical(
    candidates: Sequence[tuple[RowKey, Done]], predictions: PredictionCache
) -> Iterator[tuple[tuple[RowKey, ...], bool]]:
    by_classes: dict[bytes | str, list[tuple[RowKey, str, str]]] = defaultdict(list)
    for key, record in candidates:
        clips = predictions.read(record)
        if clips is not None:
            by_classes[clips.class_N.tobytes()].append((key, clips.scores_sha256, record.cell_id))
        elif record.predictions_sha256 is not None:
            by_classes[record.predictions_sha256].append((key, record.predictions_sha256, record.cell_id))
    for found in by_classes.values():
        if len({cell_id for _, _, cell_id in found}) > 1:  # one cell of two rows is no surprise
            yield tuple(key for key, _, _ in found), len({scores for _, scores, _ in found}) == 1
