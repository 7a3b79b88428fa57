"""Which records of a folder count today: those on its newest data, and of a row's runs the one that the plan names.

A corrected table, replaced videos or other weights leave the records before in the same folder. Boards and commands
that are about rows set these aside; by its id each is still found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile, PlannedCell
from fgsgl.records.record import Done, Record


class Aside(NamedTuple):
    """What is set aside of a protocol's records."""

    newest: str
    """Fingerprint of the data that count."""
    other_data: tuple[Record, ...]
    """Records on other data."""
    run_again: tuple[Record, ...]
    """Records on these data that the plan runs otherwise now."""


def set_aside(records: Collection[Record], plan: Sequence[PlannedCell]) -> Iterator[Aside]:
    """What is set aside of each data set, preset and protocol; records of several are neither averaged nor compared.

    Args:
        records: of a board's folder.
        plan: its cells.
    """
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.row.dataset, record.row.preset, record.protocol_hash].append(record)
    planned = {cell.cell_id for cell in plan}
    for group in groups.values():
        newest = _newest(group, planned)
        others = tuple(record for record in group if record.data.fingerprint != newest)
        again = tuple(_run_again([record for record in group if record.data.fingerprint == newest], planned))
        yield Aside(newest, others, again)


def ids_set_aside(records: Collection[Record], plan: Sequence[PlannedCell]) -> frozenset[str]:
    """The cells of all records that are set aside; arguments as for :func:`set_aside`."""
    return frozenset(record.cell_id for one in set_aside(records, plan) for record in (*one.other_data, *one.run_again))


def current_done(folder: Path) -> tuple[Done, ...]:
    """The finished cells of a board's folder that are not set aside, of those whose records can be read.

    Raises:
        UserError: for a plan that cannot be read.
    """
    records = Ledger(folder / "ledger").readable().records
    aside = ids_set_aside(records.values(), PlanFile.read(folder, tuple(records.values())).cells)
    return tuple(r for r in records.values() if isinstance(r, Done) and r.cell_id not in aside)


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
