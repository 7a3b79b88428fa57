"""Evaluates the designs of a board: every arm against the reference, and the effects of a factorial's factors.

A arms, K factors, S paired seeds. Values are top-1 in percent, differences percentage points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.records.plan_file import Arm, Design, PlannedCell
from fgsgl.records.record import Done, Record
from fgsgl.report.board.board import REFERENCE, Board, label
from fgsgl.stats.factorial import effects
from fgsgl.stats.families import holm
from fgsgl.stats.paired import compare
from fgsgl.stats.seeds import exact_percent
from fgsgl.util.escaping import printable

MARGIN = 1.0
"""The largest difference, in points, that counts as none."""
PAIRED = (
    "n", "mean", "difference", "half_width", "p", "p_holm", "smallest_p", "d_z", "wins", "wins_low", "wins_high",
    "equivalent_p",
)  # fmt: skip
NAME, ONE_IN, BARE = "FG-SGL", "one-in", "the bare model"
TESTED = ("main", "interaction")
"""Kinds of effect that are one family; Shapley values, one-out and one-in say the same in other words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """One design of a board, evaluated."""

    design: str
    factors: tuple[str, ...]
    protocol_hash: str
    planned_seeds: int
    seeds: tuple[int, ...]
    """Seeds that every arm with a finished cell has."""
    reference: str
    """Label of what the arms are compared with."""
    value_AS: np.ndarray
    """Top-1 of the arms over ``seeds``, in percent; nan where an arm has no finished cell."""
    arms: pd.DataFrame
    """One row an arm, the reference first: ``off`` (factors), ``variant`` (``""``: FG-SGL itself), ``label`` and
    ``PAIRED``: the arm against the reference over the seeds that both have, with ``p_holm`` adjusted over the design's
    rows. Arms that compute the same share a row, and have the same numbers; the reference has no difference."""
    effects: pd.DataFrame | None
    """Result of :func:`fgsgl.stats.factorial.effects`, with ``p_holm`` over main effects and interactions.
    None for another design than a factorial, or before every arm has a seed."""
    aliases: tuple[str, ...]
    missing: tuple[PlannedCell, ...]
    """Planned cells without a record."""
    failed: tuple[Record, ...]

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
    top1 = _comparable(rows, reference)
    begun = [set(values) for values in top1.values() if values]
    seeds = tuple(sorted(set.intersection(*begun))) if begun else ()
    exact_AS = np.array([[top1[arm.variant].get(seed, np.nan) for seed in seeds] for arm in design.arms], dtype=object)
    exact_AS = exact_AS.reshape(len(design.arms), len(seeds))
    value_AS = exact_AS.astype(np.float64)
    compared = _compared(top1, reference)
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
        planned_seeds=design.seeds,
        seeds=seeds,
        reference=BARE if design.design == ONE_IN else _label(design, design.arms[0]),
        value_AS=value_AS,
        arms=pd.DataFrame(arms, columns=["off", "variant", "label", *PAIRED]).astype(dict.fromkeys(PAIRED[1:], float)),
        effects=_effects(design, exact_AS),
        aliases=tuple(map(printable, design.aliases)),
        missing=tuple(
            cell
            for cell in board.planned
            if cell.method == REFERENCE[0] and (cell.variant, cell.protocol_hash) in family and cell.seed < design.seeds
        ),
        failed=tuple(failed),
    )


def _label(design: Design, arm: Arm) -> str:
    """The row's label; in a one-in design what the bare model gets."""
    row = label(NAME, arm.variant or REFERENCE[1])
    if design.design != ONE_IN:
        return row
    gets = [name for name in design.factors if name not in arm.off]
    return printable(f"{BARE} with {', '.join(gets)}" if gets else f"{BARE} ({row})")


def _comparable(rows: Mapping[str, Sequence[Done]], reference: str) -> dict[str, dict[int, Fraction]]:
    """Top-1 in percent by seed, exactly, of cells that saw the reference's data."""
    data = {record.data.fingerprint for record in rows[reference]}
    return {
        name: {r.seed: exact_percent(r.metrics.top1) for r in records if not data or r.data.fingerprint in data}
        for name, records in rows.items()
    }


def _compared(top1: Mapping[str, Mapping[int, Fraction]], reference: str) -> dict[str, dict[str, Any]]:
    """``PAIRED`` of every row."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in top1.items():
        seeds = sorted(values.keys() & top1[reference].keys())
        if name == reference or not seeds:
            found[name] = {"n": len(values), "mean": float(mean(values.values())) if values else np.nan}
            continue
        mine_N, theirs_N = ([side[seed] for seed in seeds] for side in (values, top1[reference]))
        paired = asdict(compare(mine_N, theirs_N, MARGIN))
        found[name] = {"mean": paired["mine"]} | {key: paired[key] for key in PAIRED if key in paired}
    others = [name for name in found if name != reference]
    for name, adjusted in zip(others, holm([found[name].get("p", np.nan) for name in others]), strict=True):
        found[name]["p_holm"] = float(adjusted)
    return found


def _effects(design: Design, value_AS: np.ndarray) -> pd.DataFrame | None:
    if design.design != "factorial" or not value_AS.size or np.isnan(value_AS.astype(np.float64)).any():
        return None
    off_AK = np.array([[factor in arm.off for factor in design.factors] for arm in design.arms])
    table = effects(off_AK, value_AS, design.factors)
    tested = table["kind"].isin(TESTED)
    table["p_holm"] = np.nan
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].to_numpy())
    return table
