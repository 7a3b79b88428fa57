"""Rows that a figure shows, grouped by protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fgsgl.report.board import rows as board_rows

MOST_ROWS = 40
"""Rows that one figure shows; a board's tables have them all."""


def shown_rows(rows: Iterable[Any], most: int = MOST_ROWS) -> tuple[list[Any], str]:
    """The rows of :func:`fgsgl.report.board.rows.shown_rows`, and the remark as a sentence to end a caption with."""
    shown, remark = board_rows.shown_rows(rows, most)
    return shown, f" {remark}." if remark else ""


def by_protocol(rows: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The rows of each protocol, with what its figure's file name ends in: nothing where there is one protocol."""
    rows = list(rows)
    for protocol, suffix in board_rows.suffix_of_protocol(rows).items():
        yield suffix, [row for row in rows if row.protocol == protocol]
