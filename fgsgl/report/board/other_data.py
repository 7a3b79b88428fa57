"""Records that a board sets aside: they are on other data than its newest, or a later run took their place.

A corrected table, replaced videos or other weights leave them in the same folder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from fgsgl.records.plan_file import PlannedCell
from fgsgl.records.record import Record
from fgsgl.report.board.rows import label, listed


def on_newest_data(
    records: Sequence[Record], plan: Sequence[PlannedCell]
) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records that the board is made from, and a sentence on each group that is set aside.

    Records of another data set, preset or protocol stay: nothing averages or compares them.

    Args:
        records: of a board's folder.
        plan: its cells.
    """
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.row.dataset, record.row.preset, record.protocol_hash].append(record)
    planned = {cell.cell_id for cell in plan}
    aside: set[str] = set()
    said: list[str] = []
    for group in groups.values():
        newest = _newest(group, planned)
        others = [record for record in group if record.data.fingerprint != newest]
        said += _about_data(others, newest)
        again = list(_run_again([record for record in group if record.data.fingerprint == newest], planned))
        if again:
            said.append(
                f"Set aside: {_cells(again)}, which the plan runs with other weights, text, skeletons or settings now."
            )
        aside |= {record.cell_id for record in (*others, *again)}
    return tuple(record for record in records if record.cell_id not in aside), tuple(said)


def _newest(group: Sequence[Record], planned: set[str]) -> str:
    """Fingerprint of the data of the last command: every command plans the floors, in the place of those before."""
    floors = {record.data.fingerprint for record in group if record.kind == "floor" and record.cell_id in planned}
    if len(floors) == 1:
        return floors.pop()
    return max(group, key=lambda record: (record.cell_id in planned, record.started_utc)).data.fingerprint


def _run_again(group: Sequence[Record], planned: set[str]) -> Iterator[Record]:
    """Records that the plan no longer names, beside a finished one of the same row and seed that it does."""
    places = {(record.row, record.seed) for record in group if record.cell_id in planned and record.status == "done"}
    for record in group:
        if record.cell_id not in planned and not record.row.is_tuned and (record.row, record.seed) in places:
            yield record


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
