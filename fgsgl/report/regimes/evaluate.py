"""Rows against FG-SGL on classes that were held out of training, over all folds of a regime.

A row's value of a seed is the mean over its folds, and seeds are the pairs (:mod:`fgsgl.stats.folds`); two rows are
compared where they have the same folds and the same seeds in each. Values are percent, differences percentage points.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import pandas as pd

from fgsgl.records.predictions import predictions_of
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Done
from fgsgl.records.row_key import RowKey
from fgsgl.report.board.board import Board, label
from fgsgl.report.board.comparisons import EXPLORATORY, OTHER_DATA, PRIMARY, same_data
from fgsgl.report.board.regimes import CANNOT, MEASURES, TIES
from fgsgl.report.board.rows import REFERENCE, is_compared, untrained
from fgsgl.stats.families import judge
from fgsgl.stats.folds import mean_over_folds, mean_over_seeds
from fgsgl.stats.paired import compare, widened
from fgsgl.stats.seeds import t_half_width
from fgsgl.stats.unseen import ausuc

SCORES = ("combined", "category", "fine")
FIRST = "unseen"
"""The measure in which a contrast that the plan declared is primary."""
AUSUC = "ausuc"
"""The measure that no record has: it is computed from the predictions."""
ALL_MEASURES = (*MEASURES, AUSUC)


class Run(NamedTuple):
    """A finished cell, and its AUSUC in each score that can name unseen classes, from 0 to 1."""

    record: Done
    ausuc: dict[str, float]


Runs = dict[tuple[int, int], Run]
"""The finished cells of a row by (fold, seed)."""


class Regime(NamedTuple):
    """A regime on some data, whatever the fold."""

    dataset: str
    preset: str
    protocol: str
    """Hash of the protocol of fold 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    keys: dict[int, RowKey] = field(default_factory=dict)
    """The board's rows by fold, planned ones included."""
    runs: Runs = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One row of a regime in one measure of one score."""

    regime: str
    dataset: str
    preset: str
    protocol: str
    label: str
    method: str
    variant: str
    kind: str
    score: str
    """``combined``, ``category`` or ``fine``; each is compared with the same one of FG-SGL."""
    measure: str
    """``unseen``, ``generalised``, ``harmonic``, ``seen`` or ``ausuc``."""
    folds: str = ""
    """Those that the mean is over."""
    n: int
    """Seeds, each with all folds; 1 where nothing is trained."""
    mean: float
    half_width: float = math.nan
    """Half the 95 % t interval of the mean over seeds."""
    by_fold: str = ""
    """The mean over seeds in each fold: ``0: 75.0; 1: 87.5``."""
    n_pairs: int = 0
    """Seeds that it is compared over."""
    difference: float = math.nan
    """The row minus FG-SGL."""
    diff_half_width: float = math.nan
    """Half the 95 % t interval over seeds of this difference alone."""
    sim_half_width: float = math.nan
    """Half the simultaneous one over the family."""
    fold_half_width: float = math.nan
    """Half the 95 % t interval over folds, each the mean of its seeds: for other choices of classes."""
    p_t: float = math.nan
    p_holm: float = math.nan
    p: float = math.nan
    """Of the exact sign-flip test over seeds."""
    smallest_p: float = math.nan
    contrast: str = ""
    family: int = 0
    note: str = ""


def regimes(board: Board) -> pd.DataFrame:
    """A line for each row, score and measure of every regime with unseen classes; columns are the fields of ``Line``.

    The contrasts of a regime are judged together (:func:`fgsgl.stats.families.judge`): those that the plan declared are
    primary in the measure ``unseen`` of the combined score, all others exploratory. A row that is planned or failed
    counts in the family with its combined score; a category or fine score counts where the row and FG-SGL have it.
    """
    declared = {(one.protocol_hash, *row) for one in board.primary for row in one.rows}
    lines: list[Line] = []
    for regime, rows in _rows(board).items():
        protocol = board.protocols[next(key.protocol for row in rows.values() for key in row.keys.values())]
        lines += _judged([line for row in rows for line in _lines(board, regime, protocol, rows, row, declared)])
    return pd.DataFrame([asdict(line) for line in lines], columns=list(Line.__dataclass_fields__))


def _rows(board: Board) -> dict[Regime, dict[tuple[str, str], _Row]]:
    """The rows of each regime by method and variant."""
    found: dict[Regime, dict[tuple[str, str], _Row]] = defaultdict(lambda: defaultdict(_Row))
    for key in dict.fromkeys((*board.cells, *(cell.row for cell in board.planned))):
        protocol = board.protocols[key.protocol]
        if protocol.unseen:
            row = found[_regime(key, protocol)][key.method, key.variant]
            row.keys[protocol.fold] = key
            row.runs.update({(protocol.fold, one.seed): _run(board.folder, one) for one in board.scored.get(key, ())})
    return found


def _run(folder: Path, record: Done) -> Run:
    named = [score for score, scores in record.metrics.unseen.items() if scores.unseen is not None]
    if not named:
        return Run(record, {})
    predictions = predictions_of(folder / "ledger", record)
    unseen = record.protocol.regime.held_out(record.data.classes)
    return Run(record, {name: ausuc(predictions.labels, predictions.scores[name], unseen) for name in named})


def _regime(key: RowKey, protocol: Protocol) -> Regime:
    return Regime(key.dataset, key.preset, replace(protocol, fold=0).hash())


def _lines(
    board: Board, regime: Regime, protocol: Protocol, rows: Mapping[tuple[str, str], _Row], name: tuple[str, str],
    declared: Collection[tuple[str, str, str]],
) -> list[Line]:  # fmt: skip
    """The lines of one row, differences not judged yet."""
    row, reference = rows[name], rows.get(REFERENCE, _Row())
    key, records = next(iter(row.keys.values())), _records(row.runs)
    shown = records[0].config.display_name if records else key.method
    common = {
        "regime": protocol.training_title, **regime._asdict(), "method": key.method, "variant": key.variant,
        "label": label(shown, key.variant), "kind": key.kind,
    }  # fmt: skip
    paired = _for_all_seeds(row.runs, reference.runs)
    primary = all((one.protocol, *name) in declared for one in row.keys.values())
    lines = []
    for score in SCORES:
        for measure in ALL_MEASURES:
            line = Line(**common, score=score, measure=measure, n=0, mean=math.nan)
            line = _measured(line, row)
            has_both = score == SCORES[0] or (_has(row.runs, line) and _has(reference.runs, line))
            if is_compared(key) and not key.is_tuned and has_both and line.note != CANNOT:
                line = _compared(line, paired, reference.runs)
                first = score == SCORES[0] and measure == FIRST
                line = replace(line, contrast=PRIMARY if primary and first else EXPLORATORY)
            if score == SCORES[0] or _has(row.runs, line):
                lines.append(line)
    return lines


def _for_all_seeds(runs: Runs, reference: Runs) -> Runs:
    """The runs of a row; the one run of an untrained method in each fold stands for all seeds of FG-SGL."""
    if not runs or not reference or not all(map(untrained, _records(runs))):
        return runs
    seeds = {seed for _, seed in reference}
    return {(fold, seed): run for (fold, _), run in runs.items() for seed in seeds}


def _records(runs: Runs) -> list[Done]:
    return [run.record for run in runs.values()]


def _value(run: Run, line: Line) -> float | None:
    if line.measure == AUSUC:
        share = run.ausuc.get(line.score)
    else:
        scores = run.record.metrics.unseen.get(line.score)
        share = getattr(scores, line.measure) if scores else None
    return None if share is None else 100 * share


def _ties(record: Done, line: Line) -> bool:
    return line.measure in (FIRST, AUSUC) and record.metrics.unseen[line.score].ties


def _values(runs: Runs, line: Line) -> dict[tuple[int, int], float]:
    found = {place: _value(run, line) for place, run in runs.items()}
    return {place: value for place, value in found.items() if value is not None}


def _has(runs: Runs, line: Line) -> bool:
    """Whether all of some runs have the line's score."""
    return bool(runs) and len(_values(runs, line)) == len(runs)


def _measured(line: Line, row: _Row) -> Line:
    """The line with its mean, the folds that this is over, and those of the plan that it lacks."""
    if not row.runs:
        return replace(line, note="no finished cell")
    if not _has(row.runs, line):
        return replace(line, note=CANNOT)
    values, n_tied = _values(row.runs, line), sum(_ties(one, line) for one in _records(row.runs))
    if n_tied == len(values):
        return replace(line, note=TIES)
    folds = sorted({fold for fold, _ in values})
    line = replace(line, folds=", ".join(map(str, folds)), note=_lacking(sorted(row.keys.keys() - set(folds))))
    if n_tied:
        line = _noted(line, f"ties all unseen classes in {n_tied} of {len(values)} cells")
    if not _even(values):
        return _noted(replace(line, mean=fmean(values.values())), "its folds have other seeds")
    by_seed, by_fold = mean_over_folds(values), mean_over_seeds(values)
    fixed = all(map(untrained, _records(row.runs)))
    half = None if fixed else t_half_width(list(by_seed.values()))
    return replace(
        line, n=1 if fixed else len(by_seed), mean=fmean(by_seed.values()), half_width=_number(half),
        by_fold="; ".join(f"{fold}: {value:.1f}" for fold, value in by_fold.items()),
    )  # fmt: skip


def _lacking(folds: Sequence[int]) -> str:
    """``lacks fold 2``; empty where there is none."""
    return f"lacks fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}" if folds else ""


def _noted(line: Line, note: str) -> Line:
    return replace(line, note="; ".join(filter(None, (line.note, note))))


def _even(values: Mapping[tuple[int, int], float]) -> bool:
    """Whether every fold has every seed."""
    return len(values) == len({fold for fold, _ in values}) * len({seed for _, seed in values})


def _compared(line: Line, mine: Runs, theirs: Runs) -> Line:
    """The line with its difference to FG-SGL, or with the reason why it has none."""
    if not mine or not theirs or line.note == TIES:
        return line
    if mine.keys() != theirs.keys():
        fold, seed = min(mine.keys() ^ theirs.keys())
        who = "FG-SGL lacks" if (fold, seed) in mine else "here lacks"
        return _noted(line, f"not compared: {who} fold {fold}, seed {seed}")
    if not same_data(_records(mine), _records(theirs)):
        return _noted(line, OTHER_DATA)
    values, reference = _values(mine, line), _values(theirs, line)
    if not _has(theirs, line) or not _even(values):
        return line
    of_mine, of_theirs = mean_over_folds(values), mean_over_folds(reference)
    paired = compare(list(of_mine.values()), list(of_theirs.values()))
    by_fold = mean_over_seeds({run: values[run] - reference[run] for run in values})
    return replace(
        line, n_pairs=paired.n, difference=paired.difference, diff_half_width=_number(paired.half_width),
        fold_half_width=_number(t_half_width(list(by_fold.values()))), p_t=_number(paired.p_t), p=paired.p,
        smallest_p=paired.smallest_p,
    )  # fmt: skip


def _judged(lines: Sequence[Line]) -> list[Line]:
    """Adjusts the p of all contrasts of one regime, and widens their intervals."""
    family = [line for line in lines if line.contrast]
    primary_M = [line.contrast == PRIMARY for line in family]
    judged = judge([line.p_t for line in family], primary_M)
    sizes = {PRIMARY: sum(primary_M), EXPLORATORY: len(family) - sum(primary_M)}
    found = dict(zip(map(id, family), zip(judged.adjusted_M, judged.error_M, strict=True), strict=True))
    return [_with_verdict(line, *found[id(line)], sizes) if id(line) in found else line for line in lines]


def _with_verdict(line: Line, p_holm: float, error: float, sizes: Mapping[str, int]) -> Line:
    return replace(
        line, p_holm=float(p_holm), family=sizes[line.contrast],
        sim_half_width=widened(line.difference, _none(line.diff_half_width), line.n_pairs, float(error)),
    )  # fmt: skip


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value
