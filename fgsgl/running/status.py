"""`fgsgl status`: how every cell of a folder stands, from its plan, its records and its work folders."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from fgsgl.methods.registry import scan
from fgsgl.records.find import find_cells, refuse_unread, row_names
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile, PlannedCell
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Done, Failed, Record
from fgsgl.records.row_key import FULL
from fgsgl.records.set_aside import ids_set_aside
from fgsgl.running.planning import alike, expected_s
from fgsgl.training.cell_progress import CellProgress
from fgsgl.training.cell_spec import FILE, CellSpec, is_running
from fgsgl.util.errors import UserError

State = Literal["done", "pruned", "running", "failed", "waiting"]
STATES: dict[State, str] = {"done": "green", "pruned": "yellow", "running": "cyan", "failed": "red", "waiting": "dim"}
"""The states of a cell, and the colour of each."""
TRIALS = "trials"
"""Below a sweep's folder: records and work folders of its trials."""
REFRESH_S = 2.0
SHOWN = 20
"""Failed cells that are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellState:
    """How one cell stands."""

    cell_id: str
    method: str
    variant: str
    seed: int
    protocol: Protocol
    protocol_hash: str
    epochs: int
    """Of its training."""
    state: State
    record: Record | None
    """The record of the last attempt that ended; None: there is none."""
    work_dir: Path

    @property
    def row(self) -> str:
        """``FG-SGL w/o fgsa``."""
        return display_name(self.method) + ("" if self.variant == FULL else f" {self.variant}")

    @property
    def label(self) -> str:
        """``FG-SGL w/o fgsa, seed 0``."""
        return f"{self.row}, seed {self.seed}"

    @property
    def spec(self) -> CellSpec | None:
        """The specification of the last attempt; None where the cell was never started with this work folder."""
        return CellSpec.find(self.work_dir)

    @property
    def news(self) -> str:
        """The state in a word or two: ``epoch 3/8`` of a running cell, ``nan`` of a failed one."""
        if isinstance(self.record, Failed) and self.state == "failed":
            return self.record.failure.kind
        if self.state != "running":
            return self.state
        now = CellProgress.find(self.work_dir)
        return f"epoch {now.epoch}/{self.epochs}" if now.phase == "train" else now.phase


@cache
def display_name(method: str) -> str:
    """The method's name on a board; a method that this version lacks goes by its plain name."""
    known = scan().get(method)
    return known.display_name if known else method


class States(NamedTuple):
    """How all cells of a folder stand."""

    cells: list[CellState]
    """Of the board."""
    set_aside: list[CellState]
    """In its folder, but on other data, or with other settings, than its rows have now."""
    trials: list[CellState]
    """Of a sweep."""
    faults: dict[str, str]
    """One line for each file that is no record, by the name that it has in place of a cell id."""


def states(folder: Path) -> States:
    """The cells of a board, and those of a sweep's trials; a record that cannot be read hides no other.

    Raises:
        UserError: for a folder without any, or a plan that cannot be read.
    """
    own, trials = Ledger(folder / "ledger").readable(), Ledger(folder / TRIALS / "ledger").readable()
    plan = _plan(folder, own.records)
    cells = _known(folder, own.records, plan)
    past = _past(cells, own.records, plan)
    found = States(
        cells=[cell for cell in cells if cell.cell_id not in past],
        set_aside=[cell for cell in cells if cell.cell_id in past],
        trials=_known(folder / TRIALS, trials.records, _plan(folder / TRIALS, trials.records)),
        faults={**own.faults, **trials.faults},
    )
    if not any(found):
        raise UserError(f"no cell in {folder}; expected the folder (--out) of a run, an ablation or a sweep")
    return found


def find_states(folder: Path, what: str) -> list[CellState]:
    """The cells of a folder that a user means, those of a sweep's trials among them. What is set aside has no name
    but its id.

    Raises:
        UserError: as :func:`states` and :func:`fgsgl.records.find.find_cells`, or if the record cannot be read.
    """
    found = states(folder)
    every = [*found.cells, *found.trials]
    refuse_unread(what, found.faults)
    named = [(row_names(cell.method, display_name(cell.method), cell.variant), cell) for cell in every]
    meant = find_cells(what, [*named, *(((), cell) for cell in found.set_aside)], folder)
    for cell in meant:
        refuse_unread(cell.cell_id, found.faults)
    return meant


def unique_digits(cells: Sequence[CellState]) -> int:
    """How many digits of their ids tell cells apart, at least 8."""
    ids = {cell.cell_id for cell in cells}
    return next(digits for digits in itertools.count(8) if len({cell_id[:digits] for cell_id in ids}) == len(ids))


def _plan(folder: Path, records: Mapping[str, Record]) -> Sequence[PlannedCell]:
    return PlanFile.read(folder, list(records.values())).cells


def _past(cells: Sequence[CellState], records: Mapping[str, Record], plan: Sequence[PlannedCell]) -> set[str]:
    """The cells that the board sets aside, and those in whose place the plan has another: a corrected table, or other
    weights, must not show the state that a row had before."""
    planned = {cell.cell_id for cell in plan}
    places = {(cell.method, cell.variant, cell.protocol_hash, cell.seed) for cell in plan}
    replaced = {
        cell.cell_id
        for cell in cells
        if cell.cell_id not in planned and (cell.method, cell.variant, cell.protocol_hash, cell.seed) in places
    }
    return replaced | ids_set_aside(records.values(), plan)


def _known(folder: Path, records: Mapping[str, Record], plan: Sequence[PlannedCell]) -> list[CellState]:
    """Every cell that is planned, has a record or was started."""
    names = {cell.cell_id: _Named.of(cell) for cell in plan}
    names |= {cell_id: _Named.of(record) for cell_id, record in records.items()}  # in the plan's order
    for path in sorted((folder / "work").glob(f"*/{FILE}")):
        if path.parent.name not in names and (spec := CellSpec.find(path.parent)):
            names[path.parent.name] = _Named.of(spec.cell.planned())
    return [_state(cell_id, named, records.get(cell_id), folder / "work" / cell_id) for cell_id, named in names.items()]


class _Named(NamedTuple):
    """The names of a cell."""

    method: str
    variant: str
    seed: int
    protocol: Protocol
    protocol_hash: str
    epochs: int

    @classmethod
    def of(cls, cell: PlannedCell | Record) -> Self:
        return cls(cell.method, cell.variant, cell.seed, cell.protocol, cell.protocol_hash, cell.epochs)


def _state(cell_id: str, named: _Named, record: Record | None, work_dir: Path) -> CellState:
    state: State = record.status if record else "waiting"
    if state not in ("done", "pruned") and is_running(work_dir):
        state = "running"
    return CellState(cell_id=cell_id, state=state, record=record, work_dir=work_dir, **named._asdict())


def show(folder: Path, console: Console, watch: bool = False) -> None:
    """Prints how the cells stand; with ``watch`` again and again until none runs or waits, or Ctrl-C.

    Raises:
        UserError: as :func:`states`; and afterwards, if a record cannot be read.
    """
    view, ended = status(folder)
    if not watch:
        console.print(view)
        _refuse(states(folder).faults)
        return
    with suppress(KeyboardInterrupt), Live(view, console=console, auto_refresh=False) as live:
        while not ended:
            time.sleep(REFRESH_S)
            view, ended = status(folder)
            live.update(view, refresh=True)
    _refuse(states(folder).faults)


def _refuse(faults: Mapping[str, str]) -> None:
    """Ends with what is wrong with the records that are not among the cells shown."""
    if faults:
        more = f"; and {len(faults) - 1} more record(s) cannot be read" if len(faults) > 1 else ""
        raise UserError(f"{next(iter(faults.values()))}{more}")


def status(folder: Path) -> tuple[RenderableType, bool]:
    """The matrix, counts, failures and expected end as something to print, and whether nothing runs or waits.

    Raises:
        UserError: as :func:`states`.
    """
    cells, aside, trials, faults = states(folder)
    cells = [cell for cell in cells if cell.cell_id not in faults]
    every = [*cells, *trials]
    parts: list[RenderableType] = [matrix(cells, unique_digits(every)), Text(counts(cells))] if cells else []
    if aside:
        parts.append(Text(f"{len(aside)} more, on other data or with other settings than the rows have now: set aside"))
    if trials:
        parts.append(Text(f"trials: {counts(trials)}"))
    failed = [(cell, cell.record) for cell in every if cell.state == "failed" and isinstance(cell.record, Failed)]
    for cell, record in failed[:SHOWN]:
        parts.append(Text(f"{cell.cell_id} {cell.label}: {cell.news}: {record.failure.message}", "red"))
    if failed:
        more = f"{len(failed) - SHOWN} more failed; " if len(failed) > SHOWN else ""
        parts.append(Text(f"{more}why, and what to do: fgsgl why {folder} {failed[0][0].cell_id}"))
    if any(cell.state in ("running", "waiting") for cell in cells):
        parts.append(Text(expected_end(cells, datetime.now(UTC))))
    return Group(*parts), not any(cell.state in ("running", "waiting") for cell in every)


def matrix(cells: Sequence[CellState], digits: int) -> Table:
    """Rows by seeds: how each cell stands, and the beginning of its id."""
    seeds = sorted({cell.seed for cell in cells})
    several = len({cell.protocol_hash for cell in cells}) > 1
    found: dict[tuple[str, ...], dict[int, CellState]] = {}
    for cell in cells:
        found.setdefault((cell.row, *([_short(cell)] if several else [])), {})[cell.seed] = cell
    row = Column("", no_wrap=True)  # where room is short, an id stands below its state instead
    table = Table(row, *(["protocol"] if several else []), *(f"seed {seed}" for seed in seeds))
    for names, by_seed in found.items():
        shown = [by_seed.get(seed) for seed in seeds]
        table.add_row(*map(Text, names), *(_entry(cell, digits) if cell else "" for cell in shown))
    return table


def _entry(cell: CellState, digits: int) -> Text:
    return Text.assemble((cell.news, STATES[cell.state]), " ", (cell.cell_id[:digits], "dim"))


def _short(cell: CellState) -> str:
    protocol = cell.protocol
    equal = ", equal compute" if protocol.budget == "compute" else ""
    return f"{cell.protocol_hash[:8]}: {protocol.dataset} {protocol.preset}, {protocol.epochs} epochs{equal}"


def counts(cells: Sequence[CellState]) -> str:
    """``7 cells: 4 done, 1 running, 1 failed (1 nan), 1 waiting``."""
    number = Counter(cell.state for cell in cells)
    classes = Counter(cell.news for cell in cells if cell.state == "failed")
    named = {"failed": f" ({', '.join(f'{count} {name}' for name, count in classes.most_common())})"}
    parts = [f"{number[state]} {state}{named.get(state, '')}" for state in STATES if number[state]]
    return f"{len(cells)} cells: {', '.join(parts)}"


def expected_end(cells: Sequence[CellState], now: datetime) -> str:
    """When all may be done, from what finished cells of the same methods took and how many run at a time now."""
    running = [cell for cell in cells if cell.state == "running"]
    waiting = [cell for cell in cells if cell.state == "waiting"]
    if not running:
        return f"no cell is running; the command that planned the {len(waiting)} waiting one(s) goes on with them"
    done = [cell.record for cell in cells if isinstance(cell.record, Done)]
    protocols = {(cell.method, cell.protocol_hash): cell.protocol for cell in (*running, *waiting)}
    of_method = {key: alike(key[0], protocol, done) for key, protocol in protocols.items()}

    def left_s(cell: CellState) -> float | None:
        """Seconds that the cell may still take; None where no record tells."""
        whole_s = expected_s(cell.variant, cell.epochs, of_method[cell.method, cell.protocol_hash])
        if whole_s is None or cell.state == "waiting" or cell.spec is None:
            return whole_s
        spent_s = (now - datetime.fromisoformat(cell.spec.started_utc)).total_seconds()
        return min(whole_s, max(0.0, whole_s - spent_s))  # a clock that was set back makes no cell longer

    all_s = [left_s(cell) for cell in (*running, *waiting)]
    known_s = [seconds for seconds in all_s if seconds is not None]
    if not known_s:
        return "expected end: unknown before a cell of a running or waiting row is done"
    more_s = max(sum(known_s) / len(running), max(known_s))
    end = (now + timedelta(seconds=more_s)).astimezone()
    without = len(all_s) - len(known_s)
    missing = f", without {without} cell(s) of rows that have no finished one" if without else ""
    return f"expected end: {end:%Y-%m-%d %H:%M} (in {timedelta(seconds=round(more_s))}){missing}"
