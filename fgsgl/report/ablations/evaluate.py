"""Evaluates the designs of a board: every arm against the reference, and the effects of a factorial's factors.

A arms, K factors, S paired seeds. Values are top-1 in percent, differences percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.records.plan_file import MOST_PRIMARY, Arm, Design, PlannedCell
from fgsgl.records.record import Done, Record
from fgsgl.report.board.board import REFERENCE, Board, label
from fgsgl.report.board.comparisons import EXPLORATORY, OTHER_DATA, PRIMARY, same_data, unequal_seeds
from fgsgl.report.board.origin_notes import origin_notes
from fgsgl.report.board.regimes import regime_text
from fgsgl.stats.factorial import effects
from fgsgl.stats.families import judge
from fgsgl.stats.paired import compare, widened
from fgsgl.stats.seeds import exact_percent
from fgsgl.util.escaping import printable

MARGIN = 1.0
"""The largest difference, in points, that counts as none."""
PAIRED = (
    "n", "mean", "difference", "half_width", "sim_half_width", "p_t", "p_holm", "p", "smallest_p", "d_z", "wins",
    "wins_low", "wins_high", "equivalent_p",
)  # fmt: skip
SAID = ("contrast", "note")
NAME, ONE_IN, BARE = "FG-SGL", "one-in", "the bare model"
TESTED = ("main", "interaction", "hidden")
"""Kinds of effect that are judged; Shapley values, one-out and one-in say the same in other words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """One design of a board, evaluated."""

    design: str
    factors: tuple[str, ...]
    protocol_hash: str
    regime: str = ""
    """What its protocol leaves out of training; empty: nothing."""
    planned_seeds: int
    seeds: tuple[int, ...]
    """Seeds that every arm with a finished cell has."""
    reference: str
    """Label of what the arms are compared with."""
    value_AS: np.ndarray
    """Top-1 of the arms over ``seeds``, in percent; nan where an arm has no finished cell."""
    arms: pd.DataFrame
    """One row an arm, the reference first: ``off`` (factors), ``variant`` (``""``: FG-SGL itself), ``label``,
    ``PAIRED`` and ``SAID``: the arm against the reference, where both have the same seeds; ``note`` says why there is
    no difference. Arms that compute the same share a row, and have the same numbers. Against FG-SGL the verdict
    (``contrast``, ``p_holm``, ``sim_half_width``) is that of the board; against the bare model it is over the design's
    rows, of which the first are primary."""
    effects: pd.DataFrame | None
    """Result of :func:`fgsgl.stats.factorial.effects`, with ``p_holm`` over the kinds ``TESTED`` and the simultaneous
    interval ``sim_low``, ``sim_high``: main effects are primary, the others exploratory. None for another design than a
    factorial, or before every arm has the same seeds."""
    aliases: tuple[str, ...]
    missing: tuple[PlannedCell, ...]
    """Planned cells without a record."""
    failed: tuple[Record, ...]
    origins: tuple[str, ...] = ()
    """Sentences on code, versions and machines that differ within an arm or between an arm and the reference."""

    @property
    def family(self) -> int:
        """Number of comparisons with the reference that the design declares."""
        return self.arms["variant"].nunique() - 1


def ablations(board: Board) -> tuple[Ablation, ...]:
    """Every design of the board's plan, evaluated."""
    scored: dict[tuple[str, str], Sequence[Done]] = {}
    for key, records in board.scored.items():
        if key.method == REFERENCE[0]:
            scored[key.variant, key.protocol] = records
    return tuple(_ablation(design, scored, board) for design in board.designs)


def _ablation(design: Design, scored: Mapping[tuple[str, str], Sequence[Done]], board: Board) -> Ablation:
    reference = design.arms[0].variant
    names = dict.fromkeys(arm.variant for arm in design.arms)
    rows = {name: scored.get((name or REFERENCE[1], design.protocol_hash), ()) for name in names}
    other = {name for name, records in rows.items() if records and not same_data(records, rows[reference] or records)}
    top1 = {name: _top1(() if name in other else records) for name, records in rows.items()}
    begun = [set(values) for values in top1.values() if values]
    seeds = tuple(sorted(set.intersection(*begun))) if begun else ()
    exact_AS = np.array([[top1[arm.variant].get(seed, np.nan) for seed in seeds] for arm in design.arms], dtype=object)
    exact_AS = exact_AS.reshape(len(design.arms), len(seeds))
    value_AS = exact_AS.astype(np.float64)
    compared = _compared(top1, reference, other)
    if reference:
        _judge(compared, reference)
    else:
        _verdicts_of_board(compared, design.protocol_hash, board)
    arms = [
        {"off": tuple(arm.off), "variant": arm.variant, "label": _label(design, arm)} | compared[arm.variant]
        for arm in design.arms
    ]
    family = [(name or REFERENCE[1], design.protocol_hash) for name in names]
    failed = [
        record
        for key, records in board.cells.items()
        if key.method == REFERENCE[0] and (key.variant, key.protocol) in family
        for record in records
        if record.status == "failed"
    ]
    return Ablation(
        design=design.design,
        factors=tuple(design.factors),
        protocol_hash=design.protocol_hash,
        regime=regime_text(board.protocols[design.protocol_hash]) if design.protocol_hash in board.protocols else "",
        planned_seeds=design.seeds,
        seeds=seeds,
        reference=BARE if design.design == ONE_IN else _label(design, design.arms[0]),
        value_AS=value_AS,
        arms=pd.DataFrame(arms, columns=["off", "variant", "label", *PAIRED, *SAID])
        .astype(dict.fromkeys(PAIRED[1:], float))
        .fillna(dict.fromkeys(SAID, "")),
        effects=_effects(design, exact_AS) if all(set(values) == set(seeds) for values in top1.values()) else None,
        aliases=tuple(map(printable, design.aliases)),
        missing=tuple(
            cell
            for cell in board.planned
            if cell.method == REFERENCE[0] and (cell.variant, cell.protocol_hash) in family and cell.seed < design.seeds
        ),
        failed=tuple(failed),
        origins=_origins(design, board, other),
    )


def _origins(design: Design, board: Board, other: Collection[str]) -> tuple[str, ...]:
    """See :attr:`Ablation.origins`; rows ``other`` are not compared."""
    labels = {arm.variant or REFERENCE[1]: _label(design, arm) for arm in reversed(design.arms)}
    rows = {
        key: records
        for key, records in board.scored.items()
        if (key.method, key.protocol) == (REFERENCE[0], design.protocol_hash) and key.variant in labels
    }
    rows = {key: records for key, records in rows.items() if key.variant not in other}
    reference = design.arms[0].variant or REFERENCE[1]
    return tuple(
        origin_notes(rows, {key: labels[key.variant] for key in rows}, lambda key: key._replace(variant=reference))
    )


def _label(design: Design, arm: Arm) -> str:
    """The row's label; in a one-in design what the bare model gets."""
    row = label(NAME, arm.variant or REFERENCE[1])
    if design.design != ONE_IN:
        return row
    gets = [name for name in design.factors if name not in arm.off]
    return printable(f"{BARE} with {', '.join(gets)}" if gets else f"{BARE} ({row})")


def _top1(records: Sequence[Done]) -> dict[int, Fraction]:
    """Top-1 in percent by seed, exactly."""
    return {record.seed: exact_percent(record.metrics.top1) for record in records}


def _compared(
    top1: Mapping[str, Mapping[int, Fraction]], reference: str, other: Collection[str]
) -> dict[str, dict[str, Any]]:
    """``PAIRED`` of every row but for its verdict, and ``paired`` itself; a ``note`` where the seeds or the data (rows
    ``other``) differ."""
    found: dict[str, dict[str, Any]] = {}
    theirs = top1[reference]
    for name, values in top1.items():
        found[name] = {"n": len(values), "mean": float(mean(values.values())) if values else np.nan}
        if name in other:
            found[name]["note"] = OTHER_DATA
        if name == reference or not values or not theirs:
            continue
        if said := unequal_seeds(values, theirs):
            found[name]["note"] = said
            continue
        paired = compare([values[seed] for seed in sorted(values)], [theirs[seed] for seed in sorted(values)], MARGIN)
        known = asdict(paired)
        found[name] |= {key: known[key] for key in PAIRED if key in known} | {"paired": paired}
    return found


def _judge(compared: Mapping[str, dict[str, Any]], reference: str) -> None:
    """Gives the rows of a design their verdict: the first are its primary contrasts."""
    others = [row for name, row in compared.items() if name != reference]
    p_M = [math.nan if (p := row.get("p_t")) is None else p for row in others]
    primary_M = [place < MOST_PRIMARY for place in range(len(others))]
    judged = judge(p_M, primary_M)
    for row, primary, p_holm, error in zip(others, primary_M, judged.adjusted_M, judged.error_M, strict=True):
        row["contrast"] = PRIMARY if primary else EXPLORATORY
        if "paired" in row:
            row |= {"p_holm": float(p_holm), "sim_half_width": row["paired"].simultaneous_half_width(float(error))}


def _verdicts_of_board(compared: Mapping[str, dict[str, Any]], protocol_hash: str, board: Board) -> None:
    """Gives the rows the verdict that they have on the board, where each is compared with FG-SGL too."""
    rows = {row.variant: row for row in board.table.itertuples() if _is_arm(row, protocol_hash)}
    for name, row in compared.items():
        on_board = rows.get(name)
        if name and on_board is not None:
            row |= {"contrast": on_board.contrast, "note": row.get("note", on_board.diff_note)}
            if "paired" in row:
                row |= {"p_holm": on_board.p_holm, "sim_half_width": on_board.sim_high - on_board.diff_top1}


def _is_arm(row: Any, protocol_hash: str) -> bool:
    return row.method == REFERENCE[0] and row.kind == "method" and row.protocol == protocol_hash


def _effects(design: Design, value_AS: np.ndarray) -> pd.DataFrame | None:
    if design.design != "factorial" or not value_AS.size or np.isnan(value_AS.astype(np.float64)).any():
        return None
    off_AK = np.array([[factor in arm.off for factor in design.factors] for arm in design.arms])
    return judge_effects(effects(off_AK, value_AS, design.factors), value_AS.shape[1])


def judge_effects(table: pd.DataFrame, n_seeds: int) -> pd.DataFrame:
    """Adds the verdict ``contrast``, ``p_holm``, ``sim_low``, ``sim_high`` to :func:`fgsgl.stats.factorial.effects`."""
    tested, main = table["kind"].isin(TESTED), table["kind"] == "main"
    primary = main & (main.cumsum() <= MOST_PRIMARY)
    judged = judge(table.loc[tested, "p_t"].to_numpy(), primary[tested].to_numpy())
    table = table.assign(p_holm=math.nan, contrast="")
    table.loc[tested, "p_holm"] = judged.adjusted_M
    table.loc[tested, "contrast"] = np.where(primary[tested], PRIMARY, EXPLORATORY)
    error = pd.Series(judged.error_M[0], index=table.index)  # what says the same as a main effect is as wide
    error[tested] = judged.error_M
    halves = table["high"] - table["effect"]
    half = [
        widened(effect, None if math.isnan(one) else one, n_seeds, rate)
        for effect, one, rate in zip(table["effect"], halves, error, strict=True)
    ]
    return table.assign(sim_low=table["effect"] - half, sim_high=table["effect"] + half)
