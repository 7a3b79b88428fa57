"""Sentences on records that a board sets aside: they are on other data than its newest, or were run again since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from fgsgl.records.plan_file import PlannedCell
from fgsgl.records.record import Record
from fgsgl.records.set_aside import set_aside
from fgsgl.report.board.rows import label, listed


def on_newest_data(
    records: Sequence[Record], plan: Sequence[PlannedCell]
) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records that the board is made from, and a sentence on each group that is set aside; arguments as for
    :func:`fgsgl.records.set_aside.set_aside`."""
    aside: set[str] = set()
    said: list[str] = []
    for one in set_aside(records, plan):
        said += _about_data(one.other_data, one.newest)
        if one.run_again:
            said.append(
                f"Set aside: {_cells(one.run_again)}, which the plan runs with other weights, text, skeletons or "
                "settings now."
            )
        aside |= {record.cell_id for record in (*one.other_data, *one.run_again)}
    return tuple(record for record in records if record.cell_id not in aside), tuple(said)


def _about_data(others: Sequence[Record], newest: str) -> Iterator[str]:
    by_data: dict[str, list[Record]] = defaultdict(list)
    for record in others:
        by_data[record.data.fingerprint].append(record)
    for fingerprint, group in sorted(by_data.items()):
        yield (
            f"Set aside: {_cells(group)}, on other data (fingerprint {fingerprint}; the board's is {newest}), as a "
            "corrected table or replaced videos leave them. Run these rows on the board's data, or keep the others on "
            "a board of their own with another --out."
        )


def _cells(group: Iterable[Record]) -> str:
    group = list(group)
    rows = sorted({label(record.config.display_name, record.variant) for record in group})
    return f"{len(group)} cell{'s' * (len(group) > 1)} of {listed(rows)}"
