"""Rows that a figure shows, grouped by protocol and by the scale that they share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from fgsgl.report.board import rows as board_rows
from fgsgl.report.board.board import REFERENCE, part_of
from fgsgl.report.drawing.labels import slug

TUNED_TITLE = "tuned rows"
NEAR = 5.0
"""Points within which nothing lies far out."""
MOST_ROWS = 40
"""Rows that one figure shows; a board's tables have them all."""


def shown_rows(rows: Iterable[Any], most: int = MOST_ROWS) -> tuple[list[Any], str]:
    """The rows of :func:`fgsgl.report.board.rows.shown_rows`, and the remark as a sentence to end a caption with."""
    shown, remark = board_rows.shown_rows(rows, most)
    return shown, f" {remark}." if remark else ""


def row_families(rows: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Three groups with a scale each: FG-SGL with its variants, other rows, and tuned rows."""
    tuned = [row for row in rows if part_of(row) == "tuned"]
    default = [row for row in rows if part_of(row) != "tuned"]
    own = [row for row in default if row.method == REFERENCE[0]]
    others = [row for row in default if row.method != REFERENCE[0]]
    named = [("FG-SGL and its variants", own), ("other rows", others), (TUNED_TITLE, tuned)]
    return [(name, group) for name, group in named if group]


def on_scales(name: str, rows: Sequence[Any], reach: Callable[[Any], float]) -> Iterator[tuple[str, list[Any]]]:
    """The rows under their name, or in two parts where some lie so far out that the others' intervals would shrink to
    points.

    Args:
        reach: How far out a row lies, in points. The cut is at the largest step from one row to the next, if that goes
            three times as far as all before it.
    """
    steps = [(far / max(near, NEAR), far) for near, far in itertools.pairwise(sorted(map(reach, rows)))]
    step, limit = max(steps, default=(0.0, 0.0))
    if step < 3:
        yield name, list(rows)
    else:
        yield name, [row for row in rows if reach(row) < limit]
        yield f"{name}: far out", [row for row in rows if reach(row) >= limit]


def by_protocol(rows: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The rows of each protocol, with what its figure's file name ends in: nothing where there is one protocol."""
    rows = list(rows)
    protocols = sorted({row.protocol for row in rows})
    for protocol in protocols:
        suffix = f"-{slug(protocol[:6])}" if len(protocols) > 1 else ""
        yield suffix, [row for row in rows if row.protocol == protocol]
