"""Comparisons between rows: paired differences to FG-SGL with p adjusted over the whole board, and groups of ties.

Pairs are training seeds or, where two rows share a single one, the test subjects, over whose clips both were scored.
N pairs, M rows. Differences are in percentage points.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.records.record import Done
from fgsgl.records.row_key import TUNED, RowKey
from fgsgl.report.board.predicted_classes import PredictedClasses, PredictionCache
from fgsgl.report.board.rows import REFERENCE, by_seed, is_compared, reference_of
from fgsgl.stats.clusters import bootstrap_interval, mcnemar_p, sign_flip_clusters_p
from fgsgl.stats.families import holm, letters, tied_groups
from fgsgl.stats.paired import Paired, compare
from fgsgl.stats.seeds import FEWEST_SEEDS, exact_percent

MOST_TIED = 100
"""Rows of one protocol whose pairs are all compared; their number grows with the square of the rows'."""


def differences(scored: Mapping[RowKey, Sequence[Done]], predictions: PredictionCache) -> dict[RowKey, dict[str, Any]]:
    """The ``diff_*`` columns of every row that is compared, and the p of all of them adjusted as one family (Holm);
    tuned rows, each held against its own method's default, are a family of their own."""
    found = {
        key: _difference(group, scored.get(reference_of(key), ()), predictions)
        for key, group in scored.items()
        if is_compared(key)
    }
    for tuned in (False, True):
        _adjust([row for key, row in found.items() if key.is_tuned == tuned and "p" in row])
    return found


def _adjust(family: Sequence[dict[str, Any]]) -> None:
    if family:
        adjusted_M = holm(np.array([row["p"] for row in family]))
        # Holm's p grows with each p of the family, so these are the smallest that it can give.
        reached_M = holm(np.array([row["smallest_p"] for row in family]))
        for row, adjusted, reached in zip(family, adjusted_M, reached_M, strict=True):
            row |= {"p_holm": float(adjusted), "smallest_p_holm": float(reached), "family": len(family)}


def _difference(scored: Sequence[Done], reference: Sequence[Done], predictions: PredictionCache) -> dict[str, Any]:
    """The paired difference to the reference, or a note on why there is none."""
    if not scored or not reference:
        return {}
    theirs = by_seed(reference, (record.seed for record in reference))
    mine = by_seed(scored, theirs)
    if mine.keys() != theirs.keys():
        lacking = [f"seed {seed} is missing here" for seed in sorted(theirs.keys() - mine.keys())]
        lacking += [f"the reference lacks seed {seed}" for seed in sorted(mine.keys() - theirs.keys())]
        return {"diff_note": f"not compared: {', '.join(lacking)}"}
    if not _same_data(scored, reference):
        return {"diff_note": "not compared: other data than the reference's"}
    seeds = sorted(mine)
    if len(seeds) > 1:
        return _over_seeds([mine[seed] for seed in seeds], [theirs[seed] for seed in seeds])
    one, other = (predictions.read(side[seeds[0]]) for side in (mine, theirs))
    if one is None or other is None:
        points = 100 * (mine[seeds[0]].metrics.top1 - theirs[seeds[0]].metrics.top1)
        return {"diff_top1": points, "diff_note": "one seed, and no predictions beside the records to test over"}
    return _over_subjects(one, other)


def _over_seeds(mine: Sequence[Done], theirs: Sequence[Done]) -> dict[str, Any]:
    mine_N, theirs_N = ([exact_percent(record.metrics.top1) for record in side] for side in (mine, theirs))
    paired = compare(mine_N, theirs_N)
    half_width = math.nan if paired.half_width is None else paired.half_width
    return _effects(paired) | {
        "diff_over": "seeds",
        "diff_top1": paired.difference,
        "diff_ci_low": paired.difference - half_width,
        "diff_ci_high": paired.difference + half_width,
        "p": paired.p,
    }


def _over_subjects(mine: PredictedClasses, theirs: PredictedClasses) -> dict[str, Any]:
    """Two single runs on the same clips: whole subjects are flipped and resampled; McNemar's p ignores them."""
    clips_N = mine.correct_N.astype(np.int64) - theirs.correct_N
    low, high = bootstrap_interval(100 * clips_N, mine.subject_N)
    share_S = pd.DataFrame({"mine": mine.correct_N, "theirs": theirs.correct_N}).groupby(mine.subject_N).mean()
    paired = compare(100 * share_S["mine"].to_numpy(), 100 * share_S["theirs"].to_numpy())
    return _effects(paired) | {
        "diff_over": "subjects",
        "diff_top1": 100 * float(clips_N.mean()),
        "diff_ci_low": low,
        "diff_ci_high": high,
        "p": sign_flip_clusters_p(clips_N, mine.subject_N),
        "mcnemar_p": mcnemar_p(mine.correct_N, theirs.correct_N),
    }


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
        cells = {key: by_seed(scored[key], seeds) for key in keys if _same_data(scored[key], first)}
        cells = {key: by for key, by in cells.items() if by.keys() == set(seeds)}
        if len(seeds) >= FEWEST_SEEDS and 1 < len(cells) <= MOST_TIED:
            top1_MN = [[100 * by[seed].metrics.top1 for seed in seeds] for by in cells.values()]
            names = {str(number): key for number, key in enumerate(cells)}
            groups = tied_groups(pd.DataFrame(top1_MN, index=list(names), columns=seeds))
            case = str.upper if reference.is_tuned else str.lower
            found |= {names[name]: case(text) for name, text in letters(groups).items()}
    return found


def _same_data(one: Sequence[Done], other: Sequence[Done]) -> bool:
    """Also the same test clips: those left out as bad may be others."""
    mine, theirs = one[0].data, other[0].data
    contents = {mine.split_content_sha256, theirs.split_content_sha256} - {None}  # older records do not know it
    return (mine.fingerprint, mine.split_sha256) == (theirs.fingerprint, theirs.split_sha256) and len(contents) < 2
