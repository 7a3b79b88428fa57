"""Planning: which cells an experiment needs, which of them have their record, and how long the rest may take."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.registry import get, scan
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import MOST_PRIMARY, Primary
from fgsgl.records.protocol import EVALUATION, Protocol
from fgsgl.records.record import RESULTS, Done, Failed, FailureClass, Record
from fgsgl.records.row_key import FULL, TUNED


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A cell of the plan."""

    cell: Cell
    done: bool
    failure: FailureClass | None
    """One of :data:`fgsgl.records.record.RESULTS`, where the cell has ended so; None: it is done, or to be run."""
    expected_s: float | None
    """Expected time of a cell that is not done: the mean over the records of the same variant or, without any, of its
    method; None where there is none yet."""

    @property
    def todo(self) -> bool:
        """Whether the command that plans it runs it."""
        return not self.done and self.failure is None


def cells(
    variants: Sequence[Variant], protocol: Protocol, seeds: int, fingerprint: str, text: str, skeletons: str = "",
    *, ceilings: bool = True, trained_text: str = "",
) -> list[Cell]:  # fmt: skip
    """All cells: floors and ceilings once, then whole pairs (all variants of seed 0, then of seed 1, ...).

    What is not trained runs with seed 0 alone. Without ``ceilings`` only those that are named run.
    """
    named = {variant.method for variant in variants}
    bounds = [
        Variant(method=method.name)
        for method in scan().values()
        if method.kind != "method"
        and method.name not in named
        and method.runs_on(protocol)
        and (ceilings or method.kind != "ceiling")
    ]
    wanted = [(variant, 0) for variant in bounds] + [
        (variant, seed) for seed in range(seeds) for variant in variants if seed == 0 or get(variant.method).recipe
    ]
    return [
        Cell(
            variant=variant,
            protocol=protocol,
            seed=seed,
            fingerprint=fingerprint,
            text=text,
            skeletons=skeletons,
            trained_text=trained_text,
        )
        for variant, seed in wanted
    ]


def primary_contrasts(variants: Iterable[Variant], protocol: Protocol, ledger: Ledger) -> list[Primary]:
    """The contrasts to FG-SGL that an experiment declares before it runs: the first rows of which no cell has ended.

    Rows come in the order in which they are named, those that change several settings of FG-SGL last; floors and
    ceilings are none. The plan keeps what a protocol's first experiment declares.
    """
    begun = {(record.method, record.variant) for record in ledger.records().values() if record.protocol == protocol}
    ordered = sorted(variants, key=lambda variant: max(1, len(variant.changes)))
    named = dict.fromkeys((one.method, one.name) for one in ordered if get(one.method).kind == "method")
    rows = [row for row in named if row != ("fgsgl", FULL) and row[1] != TUNED and row not in begun]
    return [Primary(protocol_hash=protocol.hash(), rows=rows[:MOST_PRIMARY])] if rows else []


def plan(wanted: Iterable[Cell], ledger: Ledger, elsewhere: Sequence[Path] = ()) -> list[Planned]:
    """Holds the wanted cells against the ledger; ``elsewhere`` are ledgers whose records also inform the estimate."""
    wanted, known = list(wanted), ledger.records()
    left = [cell for cell in wanted if not isinstance(known.get(cell.cell_id), Done)]
    records = on_record(ledger, elsewhere) if left else []  # to read them all takes longer than the rest of a plan
    methods = {(cell.variant.method, cell.protocol) for cell in left}
    of_method = {key: alike(*key, records) for key in methods}
    expected = {
        _row(cell): expected_s(cell.variant.name, cell.epochs, of_method[cell.variant.method, cell.protocol])
        for cell in left
    }
    return [
        Planned(
            cell=cell,
            done=isinstance(record := known.get(cell.cell_id), Done),
            failure=_result(record),
            expected_s=None if isinstance(record, Done) else expected[_row(cell)],
        )
        for cell in wanted
    ]


def _row(cell: Cell) -> tuple[str, Protocol, str]:
    return cell.variant.method, cell.protocol, cell.variant.name


def _result(record: Record | None) -> FailureClass | None:
    """How a failed cell ended, where that is its result."""
    failure = record.failure.kind if isinstance(record, Failed) else None
    return failure if failure in RESULTS else None


def undone(planned: Sequence[Planned]) -> list[Cell]:
    """The cells that have yet to run, each once: two rows may have one cell, where a search chose the defaults.

    Of a seed, what is expected to take longest comes first, and before it what nobody knows: no core then waits long
    for the last cell.
    """
    todo = list({item.cell.cell_id: item for item in reversed(planned) if item.todo}.values())[::-1]
    todo.sort(key=lambda item: (item.cell.seed, -math.inf if item.expected_s is None else -item.expected_s))
    return [item.cell for item in todo]


def on_record(ledger: Ledger, elsewhere: Sequence[Path]) -> list[Done]:
    """The finished records of several ledgers, each cell once."""
    records: dict[str, Done] = {}
    for folder in (*elsewhere, ledger.folder):
        records |= Ledger(folder).done()
    return list(records.values())


def alike(method: str, protocol: Protocol, records: Iterable[Done]) -> list[Done]:
    """The records of a method under a protocol, but for the epochs, however these are chosen, the split that is scored
    and the fold."""
    wanted = _timed(protocol)
    return [record for record in records if record.method == method and _timed(record.protocol) == wanted]


def expected_s(variant: str, epochs: int, of_method: Sequence[Done]) -> float | None:
    """Import, build and evaluation as they were, training scaled to the epochs; None: no record of it.

    Args:
        variant: whose own records count, where there are any.
        epochs: of the cell.
        of_method: from :func:`alike`.
    """
    times = [
        record.times_s["total"] + record.times_s.get("train", 0) * (epochs / record.epochs - 1)
        for record in [record for record in of_method if record.variant == variant] or of_method
    ]
    return statistics.mean(times) if times else None


@cache
def _timed(protocol: Protocol) -> Protocol:
    """The part of a protocol that a cell's time depends on."""
    return dataclasses.replace(protocol, epochs=1, budget="epochs", evaluation=EVALUATION, fold=0)
