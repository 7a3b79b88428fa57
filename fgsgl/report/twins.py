"""Rows that gave the same answers: a switch that is not connected changes nothing, and shows as two equal rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fgsgl.bench.record import Record
from fgsgl.report.answers import AnswerBook
from fgsgl.report.rows import Key


@dataclass(frozen=True, kw_only=True, slots=True)
class Twins:
    """Rows whose answers are the same in every clip of the seeds that they share."""

    rows: tuple[Key, ...]
    seeds: tuple[int, ...]
    """In which they are."""
    to_the_bit: bool
    """Their scores are the same as well; if not, only the class with the highest score is."""


def twins(scored: Mapping[Key, Sequence[Record]], answers: AnswerBook) -> tuple[Twins, ...]:
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
    shares = tuple(record.metrics[name] for name in ("top1", "mean_class", "macro_f1"))
    return record.protocol_hash, record.data["split_sha256"], record.seed, *shares


def _same(candidates: Sequence[tuple[Key, Record]], answers: AnswerBook) -> Iterator[tuple[tuple[Key, ...], bool]]:
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
