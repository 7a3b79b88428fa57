"""`fgsgl contrast`: paired differences of every row to FG-SGL, score by score, within and across data seeds.

A contrast is a row minus FG-SGL in top-1 points, as on the board: the mean over paired training seeds with its t
interval, the p of the paired t test, adjusted over all rows of the table, and the exact sign-flip p. Rows whose seeds
differ are listed with the reason, and not compared. Boards of the same preset made with other data seeds are combined
by the mean of their differences; the interval is then over data seeds, which no number of training seeds can narrow.
Boards of other data sets or presets are combined by Stouffer's method. Tuned rows are left out: the board holds each
against its own method's default.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.records.record import Done
from fgsgl.report.board.board import REFERENCE, Board, by_seed, label, read_board, row_key
from fgsgl.report.board.comparisons import EXPLORATORY, OTHER_DATA, PRIMARY, same_data, unequal_seeds
from fgsgl.report.board.origin_notes import differing_origins
from fgsgl.report.board.regimes import regime_text
from fgsgl.report.board.rows import listed
from fgsgl.report.formatting import EMPTY, markdown_table, number, numeric_headings, p_text
from fgsgl.stats.families import judge, stouffer
from fgsgl.stats.paired import compare, widened
from fgsgl.stats.seeds import exact_percent, smallest_p
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import markdown_text

SCORES = ("combined", "category", "fine")
ALL = "all"
ORIGINS = {
    "code": "The code differs between the cells behind these rows",
    "versions": "Package versions differ between the cells behind these rows",
    "machine": "Machines, which round differently, differ between the cells behind these rows",
}
"""How a table says each of :func:`fgsgl.report.board.origin_notes.differing_origins`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """A row minus FG-SGL, in percentage points of top-1."""

    dataset: str
    """``all``: over the data sets and presets that both have."""
    preset: str
    data_seed: str
    """Seed of the data both were trained and scored on; ``all``: over all seeds that both have."""
    subjects: int
    """Subjects in the test split; over all data sets, their sum."""
    label: str
    """The row's."""
    score: str
    """``combined``, ``category`` or ``fine`` of both; the row's only score where it has no levels."""
    n: int
    """Pairs: training seeds or, over all data seeds, data seeds; data sets, over all of them."""
    top1_pct: float
    reference_top1_pct: float
    """Mean top-1 of the row and of FG-SGL."""
    diff_top1_points: float
    half_width_points: float
    """Half the width of the 95 % t interval; NaN for one pair, and over data sets."""
    p_t: float
    """Two-sided paired t test; NaN for fewer than three pairs; over data sets Stouffer's of these."""
    p: float
    """Exact two-sided sign-flip test; over data sets Stouffer's, weighted by the root of their subjects."""
    smallest_p: float
    """The smallest p that the sign-flip test can reach with n pairs."""
    contrast: str = EXPLORATORY
    """``primary``: declared before the board ran (its combined score); else ``exploratory``."""
    note: str = ""
    """Says why there is no difference."""
    origins: str = ""
    """What is not alike of the cells behind the difference: ``code``, ``versions``, ``machine``; empty: all is."""


def contrasts(folders: Sequence[Path]) -> pd.DataFrame:
    """One row a contrast; columns are the fields of :class:`Contrast`, then ``p_holm`` and ``sim_half_width_points``
    of the simultaneous interval: judged over all rows of the table (:func:`fgsgl.stats.families.judge`).

    Raises:
        UserError: for a folder that is no board, or where nothing can be compared.
    """
    found = [contrast for folder in folders for contrast in _board_contrasts(read_board(folder))]
    if all(contrast.note for contrast in found):
        raise UserError(
            f"nothing to compare in {', '.join(map(str, folders))}: "
            "no row has the seeds and the data of a finished FG-SGL"
        )
    over_seeds = list(_over_data_seeds(found))
    every = [*found, *over_seeds, *_over_data_sets([*found, *over_seeds])]
    rows = _judged(pd.DataFrame([asdict(contrast) for contrast in every]))
    place = rows["score"].map(SCORES.index)  # the nearest row first, its scores together
    nearest = rows["diff_top1_points"].abs().where(rows["score"] == SCORES[0])
    nearest = nearest.groupby([rows["dataset"], rows["preset"], rows["label"]]).transform("min")
    return rows.assign(nearest=nearest, place=place).sort_values(
        ["dataset", "preset", "nearest", "label", "place", "data_seed"], ignore_index=True
    )[list(rows.columns)]


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    judged = judge(table["p_t"].to_numpy(), (table["contrast"] == PRIMARY).to_numpy())
    halves = [
        widened(
            row.diff_top1_points,
            None if math.isnan(row.half_width_points) else row.half_width_points,
            row.n,
            float(error),
        )
        for row, error in zip(table.itertuples(), judged.error_M, strict=True)
    ]
    return table.assign(p_holm=judged.adjusted_M, sim_half_width_points=halves)


def _board_contrasts(board: Board) -> Iterator[Contrast]:
    declared = {row_key(row) for row in board.table.itertuples() if row.contrast == PRIMARY}
    for key, records in board.scored.items():
        reference = board.scored.get(key._replace(method=REFERENCE[0], variant=REFERENCE[1]), ())
        if key.kind != "method" or key[:2] == REFERENCE or key.is_tuned or not records or not reference:
            continue
        regime = regime_text(records[0].protocol)  # the same row in another regime is another contrast
        name = label(records[0].config.display_name, key.variant) + (f" @{regime}" if regime else "")
        theirs = {record.seed: record for record in reference}
        mine = by_seed(records, theirs)
        if note := unequal_seeds(mine, theirs) or ("" if same_data(records, reference) else OTHER_DATA):
            yield _not_compared(reference[0], name, note)
        else:
            yield from _pair_contrasts([(mine[seed], theirs[seed]) for seed in sorted(theirs)], name, key in declared)


def _place(record: Done) -> dict[str, Any]:
    names = ("dataset", "preset", "data_seed")
    return {name: str(getattr(record.protocol, name)) for name in names} | {"subjects": record.data.n_subjects.test}


def _not_compared(reference: Done, name: str, note: str) -> Contrast:
    none = math.nan
    return Contrast(
        n=0, label=name, score=SCORES[0], note=note, top1_pct=none, reference_top1_pct=none, diff_top1_points=none,
        half_width_points=none, p_t=none, p=none, smallest_p=none, **_place(reference),
    )  # fmt: skip


def _pair_contrasts(pairs: Sequence[tuple[Done, Done]], name: str, primary: bool) -> Iterator[Contrast]:
    origins = _joined_origins([differing_origins([record for pair in pairs for record in pair])])
    for score in SCORES:
        values = [(_top1(one, score), _top1(other, score)) for one, other in pairs]
        if any(value is None for pair in values for value in pair):
            continue
        mine_N, theirs_N = ([exact_percent(share) for share in shares] for shares in zip(*values, strict=True))
        kind = PRIMARY if primary and score == SCORES[0] else EXPLORATORY
        yield _contrast(
            mine_N, theirs_N, label=name, score=score, contrast=kind, origins=origins, **_place(pairs[0][0])
        )


def _top1(record: Done, score: str) -> float | None:
    """A row without the two levels has one score, which stands against FG-SGL's combined one."""
    if score == "combined":
        return record.metrics.top1
    scores = record.metrics.by_score.get(score)
    return scores.top1 if scores else None


def _over_data_seeds(found: Iterable[Contrast]) -> Iterator[Contrast]:
    groups = defaultdict(list)
    for contrast in found:
        if not contrast.note:
            groups[contrast.dataset, contrast.preset, contrast.label, contrast.score].append(contrast)
    for (dataset, preset, name, score), group in groups.items():
        if len(group) > 1:
            names = ("top1_pct", "reference_top1_pct")
            row_N, reference_N = ([exact_percent(getattr(c, one) / 100) for c in group] for one in names)
            place = {"dataset": dataset, "preset": preset, "data_seed": ALL, "subjects": group[0].subjects}
            place["origins"] = _joined_origins([part.origins.split(", ") for part in group])
            yield _contrast(row_N, reference_N, label=name, score=score, **place)


def _over_data_sets(found: Iterable[Contrast]) -> Iterator[Contrast]:
    """Combines the widest contrast of each data set and preset: over its data seeds, where there are several."""
    groups: dict[tuple[str, str], dict[tuple[str, str], Contrast]] = defaultdict(dict)
    for contrast in sorted(found, key=lambda contrast: contrast.data_seed == ALL):
        if contrast.note:
            continue
        groups[contrast.label, contrast.score][contrast.dataset, contrast.preset] = contrast
    for (name, score), group in groups.items():
        if len(group) > 1:
            parts = list(group.values())
            weights = [math.sqrt(part.subjects) for part in parts]
            signs = [np.sign(part.diff_top1_points) for part in parts]
            t_tests = [part.p_t for part in parts]
            yield Contrast(
                dataset=ALL, preset="", data_seed=ALL, label=name, score=score, n=len(parts),
                subjects=sum(part.subjects for part in parts), half_width_points=math.nan,
                p_t=math.nan if any(map(math.isnan, t_tests)) else stouffer(t_tests, signs, weights),
                p=stouffer([part.p for part in parts], signs, weights),
                smallest_p=stouffer([part.smallest_p for part in parts], [1] * len(parts), weights),
                contrast=EXPLORATORY,
                origins=_joined_origins([part.origins.split(", ") for part in parts]),
                top1_pct=float(np.mean([part.top1_pct for part in parts])),
                reference_top1_pct=float(np.mean([part.reference_top1_pct for part in parts])),
                diff_top1_points=float(np.mean([part.diff_top1_points for part in parts])),
            )  # fmt: skip


def _joined_origins(parts: Iterable[Iterable[str]]) -> str:
    """``code, machine``: what differs in any of the parts, each once."""
    return ", ".join(dict.fromkeys(name for part in parts for name in part if name))


def _contrast(mine_N: Sequence[Fraction], theirs_N: Sequence[Fraction], **place: Any) -> Contrast:
    paired = compare(mine_N, theirs_N)
    half = math.nan if paired.half_width is None else paired.half_width
    p_t = math.nan if paired.p_t is None else paired.p_t
    return Contrast(
        n=paired.n, top1_pct=paired.mine, reference_top1_pct=paired.theirs, diff_top1_points=paired.difference,
        half_width_points=half, p_t=p_t, p=paired.p, smallest_p=paired.smallest_p, **place,
    )  # fmt: skip


def markdown(table: pd.DataFrame) -> str:
    """The contrasts as a table that GitHub shows, with what they mean under it."""
    heads = (
        "Data",
        "Row",
        "Score",
        "Contrast",
        "n",
        "Row %",
        "FG-SGL %",
        "Difference",
        "p (Holm)",
        "Sign flip",
    )
    rows = []
    for row in table.itertuples():
        seed = "all data seeds" if row.data_seed == ALL else f"data seed {row.data_seed}"
        data = "all data sets" if row.dataset == ALL else f"{row.dataset} {row.preset}, {seed}"
        half = "" if np.isnan(row.sim_half_width_points) else f" ± {row.sim_half_width_points:.1f}"
        rows.append((
            data, row.label, row.score, row.note or row.contrast, str(row.n or EMPTY),
            number(row.top1_pct), number(row.reference_top1_pct), number(row.diff_top1_points, sign="+") + half,
            p_text(row.p_holm), p_text(row.p) if row.n > 1 else EMPTY,
        ))  # fmt: skip
    lines = ["# Paired differences to FG-SGL", "", *markdown_table(numeric_headings(heads, texts=4), rows), ""]
    lines += [
        "- Difference: the row minus FG-SGL in points of top-1, as on the board: mean of the paired differences ± half "
        "their simultaneous t interval, over training seeds; in the rows of all data seeds over data seeds, each the "
        "mean of its training seeds. It does not cover the choice of test subjects; the CSV has the 95 % interval of "
        "each row alone too.",
        "- p (Holm): paired t test over the n pairs, two-sided, adjusted over the rows of this table: primary "
        "contrasts, which the plan declared before they ran, and exploratory ones. None below three pairs.",
        "- Sign flip: the exact two-sided sign-flip test beside it, not adjusted; of n pairs its smallest p is "
        f"{', '.join(f'{smallest_p(n):.2g} (n = {n})' for n in sorted(set(table['n'])) if n > 1)}.",
        "- A row without the two levels has one score, which stands against FG-SGL's combined one.",
    ]
    if (table["dataset"] == ALL).any():
        lines.append(
            "- All data sets: n data sets; the mean of their differences, and Stouffer's p of theirs, weighted by the "
            "square root of their test subjects."
        )
    lines += [f"- {markdown_text(sentence)}" for sentence in _about_origins(table)]
    return "\n".join(lines) + "\n"


def _about_origins(table: pd.DataFrame) -> Iterator[str]:
    """Sentences on the rows whose difference is between cells of other code, versions or machines."""
    for what, why in ORIGINS.items():
        found = [row.label for row in table.itertuples() if what in row.origins.split(", ")]
        if found:
            yield f"{why}: {listed(list(dict.fromkeys(found)))}."
