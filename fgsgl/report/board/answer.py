"""The sentence that answers a board: who leads, by how much over FG-SGL, whether that is sure, and on what."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.report.board.comparisons import claimed_interval
from fgsgl.report.board.rows import REFERENCE, part_of
from fgsgl.report.formatting import number, p_equals, with_interval
from fgsgl.stats.seeds import FEWEST_SEEDS, LEVEL
from fgsgl.util.escaping import printable

_LETTER = re.compile(r"[A-Za-z]\d*")


def answers(table: pd.DataFrame) -> tuple[str, ...]:
    """One sentence for each protocol of a board's table that has a method, in the table's order.

    Tuned rows, ceilings and floors lead nothing: they stand apart.
    """
    rows = [row for row in table.itertuples() if part_of(row) == "method"]
    protocols = dict.fromkeys(row.protocol for row in rows)
    floors = [row for row in table.itertuples() if part_of(row) == "floor" and row.n_seeds]
    return tuple(
        printable(_answer(*([row for row in some if row.protocol == one] for some in (rows, floors))))
        for one in protocols
    )


def tied_with_best(table: pd.DataFrame) -> frozenset[int]:
    """Indices of the rows that cannot be told apart from the best method of their protocol, which is among them."""
    rows = [row for row in table.itertuples() if part_of(row) == "method" and row.n_seeds]
    best: dict[str, Any] = {}
    for row in rows:
        best.setdefault(row.protocol, row)
    return frozenset(row.Index for row in rows if set(letters_of(row)) & set(letters_of(best[row.protocol])))


def letters_of(row: Any) -> list[str]:
    """The letters of the groups of ties that a row is in: ``a1b`` gives a1 and b."""
    return _LETTER.findall(row.tied)


def _answer(rows: Sequence[Any], floors: Sequence[Any]) -> str:
    scored = [row for row in rows if row.n_seeds]
    if not scored:
        return f"No method has finished on {_data(rows[0])} yet."
    best = scored[0]
    where = f"On {_data(best)} ({best.n_clips} test clips of {best.n_subjects} subjects)"
    floor = max(floors, key=lambda row: row.top1, default=None)
    if floor is not None and best.top1 <= floor.top1:
        return (
            f"{where}, no method is above the floor: {best.label}, the best, reaches {number(100 * best.top1)} % "
            f"top-1, {floor.label} {number(100 * floor.top1)} %."
        )
    leads = f"{where}, {best.label} leads with {number(100 * best.top1)} % top-1"
    if len(scored) == 1:
        return f"{where}, {best.label} reaches {number(100 * best.top1)} % top-1, the only method that has finished."
    reference = next((row for row in scored if (row.method, row.variant) == REFERENCE), None)
    if reference is None:
        return f"{leads}; FG-SGL, which rows are compared with, has not finished there."
    if best is reference:
        compared, ahead = scored[1], f"the next row, {scored[1].label}"
    else:
        compared, ahead = best, reference.label
    if not np.isfinite(compared.diff_top1):
        return f"{leads}, ahead of {ahead}; the two are {compared.diff_note or 'not compared'}."
    other, said = (compared if best is reference else reference), verdict(compared, *claimed_interval(compared))
    not_named = [row for row in scored if row is not best and row is not other]
    return f"{leads}, {_distance(compared)} above {ahead}: {said}{_ties(best, not_named)}."


def _data(row: Any) -> str:
    return f"{row.dataset} {row.preset}"


def _distance(row: Any) -> str:
    """The size of a difference whose sign the sentence says."""
    sign = 1 if row.diff_top1 >= 0 else -1
    low, high = sorted(sign * end for end in claimed_interval(row))
    return f"{with_interval(abs(row.diff_top1), low, high, row.diff_over)} points"


def is_sure(row: Any) -> bool:
    """Whether the adjusted test tells a row from the one that it is compared with."""
    return bool(row.p_holm <= LEVEL)


def verdict(row: Any, low: float, high: float) -> str:
    """Whether a difference is sure. Holm's test can tell the sign where the simultaneous interval still reaches 0.

    Args:
        row: of the board, or of another table with ``p_holm`` and ``n_pairs``.
        low, high: ends of the simultaneous interval.
    """
    if not np.isfinite(row.p_holm):
        return f"fewer than {FEWEST_SEEDS} seeds, so there is no verdict"
    because = f"over seeds (adjusted {p_equals(row.p_holm)}, n = {row.n_pairs})"
    if not is_sure(row):
        return f"not a sure difference {because}"
    return f"its sign is sure {because}, its size is not" if low <= 0 <= high else f"a sure difference {because}"


def _ties(best: Any, not_named: Collection[Any]) -> str:
    n_tied = sum(1 for row in not_named if set(letters_of(best)) & set(letters_of(row)))
    return f"; {n_tied} other row{'s' * (n_tied != 1)} cannot be told apart from the leader" if n_tied else ""
