"""Comparisons between rows: paired differences to FG-SGL, judged together over the whole board, and groups of ties.

Pairs are training seeds or, where two rows share a single one, the test subjects, over whose clips both were scored.
N pairs, M rows. Differences are in percentage points.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.records.plan_file import Primary
from fgsgl.records.record import Done
from fgsgl.records.row_key import TUNED, RowKey
from fgsgl.report.board.predicted_classes import PredictedClasses, PredictionCache
from fgsgl.report.board.rows import REFERENCE, by_seed, is_compared, reference_of
from fgsgl.stats.clusters import bootstrap_interval, crossed_interval, mcnemar_p, sign_flip_clusters_p
from fgsgl.stats.families import judge, letters, tied_groups
from fgsgl.stats.paired import Paired, compare
from fgsgl.stats.seeds import FEWEST_SEEDS, exact_percent

MOST_TIED = 100
"""Rows of one protocol whose pairs are all compared; their number grows with the square of the rows'."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Comparison:
    """A row against its reference."""

    columns: dict[str, Any]
    paired: Paired | None = None
    """Over seeds; None where there are none to pair."""


PRIMARY, EXPLORATORY = "primary", "exploratory"
OTHER_DATA = "not compared: other data than the reference's"


def claimed_interval(row: Any) -> tuple[float, float]:
    """The interval of a row's difference on which claims rest: over seeds the simultaneous one, of two single runs the
    one over subjects, which stands alone.

    Args:
        row: of the board's table.
    """
    return (row.diff_ci_low, row.diff_ci_high) if row.diff_over == "subjects" else (row.sim_low, row.sim_high)


def differences(
    keys: Iterable[RowKey],
    scored: Mapping[RowKey, Sequence[Done]],
    predictions: PredictionCache,
    declared: Iterable[Primary] = (),
) -> dict[RowKey, dict[str, Any]]:
    """The ``diff_*`` columns of every row that is compared, and its verdict: p by the paired t test over seeds,
    adjusted over the whole board, and the simultaneous interval (:func:`fgsgl.stats.families.judge`).

    Args:
        keys: every row of the board, planned ones included: a family is what was planned, also where cells failed.
        declared: the primary contrasts of each protocol. All others are exploratory. Tuned rows, each held against its
            own method's default, are judged by themselves: a search changes no verdict of other rows.
    """
    chosen = {(one.protocol_hash, *row) for one in declared for row in one.rows}
    compared = {key: _compared(key, scored, predictions) for key in keys if is_compared(key)}
    primary = {key: (key.protocol, key.method, key.variant) in chosen and not key.is_tuned for key in compared}
    gone = len(chosen) - sum(primary.values())  # declared, and on no board any more
    found: dict[RowKey, dict[str, Any]] = {}
    for tuned in (False, True):
        family = {key: one for key, one in compared.items() if key.is_tuned == tuned}
        n_gone = 0 if tuned else gone
        p_M = [one.paired.p_t if one.paired and one.paired.p_t is not None else math.nan for one in family.values()]
        judged = judge([*p_M, *[math.nan] * n_gone], [*map(primary.__getitem__, family), *[True] * n_gone])
        n_primary = n_gone + sum(map(primary.__getitem__, family))
        verdicts = zip(family.items(), judged.adjusted_M, judged.error_M, strict=False)  # those that are gone come last
        for (key, one), p_holm, error in verdicts:
            row: dict[str, Any] = {"contrast": PRIMARY if primary[key] else EXPLORATORY}
            row["family"] = n_primary if primary[key] else len(family) + n_gone - n_primary
            if one.paired:
                half = one.paired.simultaneous_half_width(float(error))
                low, high = one.paired.difference - half, one.paired.difference + half
                row |= {"p_t": one.paired.p_t, "p_holm": float(p_holm), "sim_low": low, "sim_high": high}
                if primary[key]:
                    row |= _crossed_difference(scored[key], scored[reference_of(key)], predictions)
            found[key] = row | one.columns
    return found


def crossed_top1(scored: Sequence[Done], predictions: PredictionCache) -> dict[str, Any]:
    """The interval of a row's top-1 that covers the choice of seeds and of test subjects; nothing where it is not
    known."""
    if len(scored) < FEWEST_SEEDS:
        return {}
    read = [predictions.read(record) for record in scored]
    known = [one for one in read if one is not None]
    if len(known) < len(read):
        return {}
    low, high = crossed_interval(np.array([one.correct_N for one in known]), known[0].subject_N)
    return {"top1_both_low": low, "top1_both_high": high}


def _crossed_difference(
    scored: Sequence[Done], reference: Sequence[Done], predictions: PredictionCache
) -> dict[str, Any]:
    theirs = by_seed(reference, (record.seed for record in reference))
    mine = by_seed(scored, theirs)
    pairs = [(predictions.read(mine[seed]), predictions.read(theirs[seed])) for seed in sorted(theirs)]
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    if len(known) < len(pairs) or len(known) < FEWEST_SEEDS:
        return {}
    points_SN = np.array([100.0 * one.correct_N - 100.0 * other.correct_N for one, other in known])
    low, high = crossed_interval(points_SN, known[0][0].subject_N)
    return {"diff_both_low": low, "diff_both_high": high}


def _compared(key: RowKey, scored: Mapping[RowKey, Sequence[Done]], predictions: PredictionCache) -> _Comparison:
    """The paired difference to the reference, or a note on why there is none."""
    mine, reference = scored.get(key, ()), scored.get(reference_of(key), ())
    if not mine or not reference:
        return _Comparison(columns={})
    theirs_by = by_seed(reference, (record.seed for record in reference))
    mine_by = by_seed(mine, theirs_by)
    if said := unequal_seeds(mine_by, theirs_by):
        return _Comparison(columns={"diff_note": said})
    if not same_data(mine, reference):
        return _Comparison(columns={"diff_note": OTHER_DATA})
    seeds = sorted(mine_by)
    if len(seeds) > 1:
        return _over_seeds([mine_by[seed] for seed in seeds], [theirs_by[seed] for seed in seeds])
    one, other = (predictions.read(side[seeds[0]]) for side in (mine_by, theirs_by))
    if one is None or other is None:
        points = 100 * (mine_by[seeds[0]].metrics.top1 - theirs_by[seeds[0]].metrics.top1)
        note = "one seed, and no predictions beside the records to test over"
        return _Comparison(columns={"diff_top1": points, "diff_note": note})
    return _over_subjects(one, other)


def unequal_seeds(mine: Collection[int], theirs: Collection[int]) -> str:
    """Says which seeds a row or its reference lacks; empty where both have the same."""
    lacking = [f"seed {seed} is missing here" for seed in sorted(set(theirs) - set(mine))]
    lacking += [f"the reference lacks seed {seed}" for seed in sorted(set(mine) - set(theirs))]
    return f"not compared: {', '.join(lacking)}" if lacking else ""


def _over_seeds(mine: Sequence[Done], theirs: Sequence[Done]) -> _Comparison:
    mine_N, theirs_N = ([exact_percent(record.metrics.top1) for record in side] for side in (mine, theirs))
    paired = compare(mine_N, theirs_N)
    half_width = math.nan if paired.half_width is None else paired.half_width
    columns = _effects(paired) | {
        "diff_over": "seeds",
        "diff_top1": paired.difference,
        "diff_ci_low": paired.difference - half_width,
        "diff_ci_high": paired.difference + half_width,
        "p": paired.p,
    }
    return _Comparison(columns=columns, paired=paired)


def _over_subjects(mine: PredictedClasses, theirs: PredictedClasses) -> _Comparison:
    """Two single runs on the same clips: whole subjects are flipped and resampled; McNemar's p ignores them. They tell
    these two trained models apart, and nothing of their methods: there is no verdict."""
    clips_N = mine.correct_N.astype(np.int64) - theirs.correct_N
    low, high = bootstrap_interval(100 * clips_N, mine.subject_N)
    share_S = pd.DataFrame({"mine": mine.correct_N, "theirs": theirs.correct_N}).groupby(mine.subject_N).mean()
    paired = compare(100 * share_S["mine"].to_numpy(), 100 * share_S["theirs"].to_numpy())
    columns = _effects(paired) | {
        "diff_over": "subjects",
        "diff_top1": 100 * float(clips_N.mean()),
        "diff_ci_low": low,
        "diff_ci_high": high,
        "p": sign_flip_clusters_p(clips_N, mine.subject_N),
        "mcnemar_p": mcnemar_p(mine.correct_N, theirs.correct_N),
    }
    return _Comparison(columns=columns)


def _effects(paired: Paired) -> dict[str, Any]:
    names = ("smallest_p", "d_z", "wins", "wins_low", "wins_high")
    return {"n_pairs": paired.n} | {name: getattr(paired, name) for name in names}


def ties(scored: Mapping[RowKey, Sequence[Done]]) -> dict[RowKey, str]:
    """The letters of the groups of rows that cannot be told apart, best group first, among a protocol's methods; of
    its tuned rows, which only stand against each other, capital letters.

    A row takes part if it has the data and the seeds of its protocol's reference (of FG-SGL tuned) or, where there is
    no such row, of the row with the most seeds. Nothing has a letter where there are fewer than three seeds, one row,
    or more than :data:`MOST_TIED`.
    """
    protocols = defaultdict(list)
    for key, group in scored.items():
        if key.kind == "method" and group:
            variant = TUNED if key.is_tuned else REFERENCE[1]
            protocols[key._replace(method=REFERENCE[0], variant=variant)].append(key)
    found: dict[RowKey, str] = {}
    for reference, keys in protocols.items():
        first = scored[reference if reference in keys else max(keys, key=lambda key: len(scored[key]))]
        seeds = [record.seed for record in first]
        cells = {key: by_seed(scored[key], seeds) for key in keys if same_data(scored[key], first)}
        cells = {key: by for key, by in cells.items() if by.keys() == set(seeds)}
        if len(seeds) >= FEWEST_SEEDS and 1 < len(cells) <= MOST_TIED:
            top1_MN = [[100 * by[seed].metrics.top1 for seed in seeds] for by in cells.values()]
            names = {str(number): key for number, key in enumerate(cells)}
            groups = tied_groups(pd.DataFrame(top1_MN, index=list(names), columns=seeds))
            case = str.upper if reference.is_tuned else str.lower
            found |= {names[name]: case(text) for name, text in letters(groups).items()}
    return found


def same_data(one: Sequence[Done], other: Sequence[Done]) -> bool:
    """Whether two rows have the same data and the same test clips: those left out as bad may be others."""
    mine, theirs = one[0].data, other[0].data
    contents = {mine.split_content_sha256, theirs.split_content_sha256} - {None}  # older records do not know it
    return (mine.fingerprint, mine.split_sha256) == (theirs.fingerprint, theirs.split_sha256) and len(contents) < 2
