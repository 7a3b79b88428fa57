"""`fgsgl repro`: a cell, or all cells of a row, run again from their records alone, and held against them."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from msgspec import to_builtins
from msgspec.structs import asdict
from rich.console import Console

from fgsgl.data.cache.joint_cache import skeleton_fingerprint
from fgsgl.data.clip_table import ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.prepare import load_data, load_joints, trained_text
from fgsgl.methods.bound_scores import scored_anew
from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.method import Method
from fgsgl.methods.registry import get
from fgsgl.records.environment import environment, git_state
from fgsgl.records.find import Named, find_cells, refuse_unread, row_names
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile
from fgsgl.records.predictions import predictions_of, read_predictions
from fgsgl.records.protocol import Protocol
from fgsgl.records.reading import read_record
from fgsgl.records.record import Done, Failed, Record
from fgsgl.records.row_key import RowKey
from fgsgl.records.set_aside import ids_set_aside
from fgsgl.report.board.rows import rows
from fgsgl.report.diff import PredictionChange, changed, prediction_change
from fgsgl.running.execution import Execution, Place, local_place
from fgsgl.running.progress import Live
from fgsgl.running.scheduler import Plan, execute
from fgsgl.stats.seeds import t_half_width
from fgsgl.training.cell_spec import CellSpec
from fgsgl.training.record_check import check_records
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a repetition stands to its record."""

    reproduced: bool
    said: str


def repro(
    folder: Path, what: str, root: Path | None, device: str | None, console: Console, transfer_root: Path | None = None
) -> int:
    """Runs the cells again in a scratch folder, which is kept only where one is not reproduced.

    Args:
        folder: the board's.
        what: a row or a cell, as for :func:`fgsgl.records.find.find_cells`.
        root: the data set's folder; None: where it was when the cell ran, else its default place.
        device: as for ``fgsgl run``; None: the record's.
        console: gets the progress and what is found.
        transfer_root: as ``root``, of the data that the cell was trained on, where its protocol names others.

    Returns:
        0 if every cell is reproduced, as :func:`verdict` has it; else 1.

    Raises:
        UserError: for a name that means no finished cell or several rows, a record that does not fit its predictions
            or itself or that this version of the code or the data here cannot repeat, and whatever ``fgsgl run``
            refuses.
    """
    ledger = Ledger(folder / "ledger")
    readable = ledger.readable()
    refuse_unread(what, readable.faults)
    for said in readable.faults.values():
        console.print(f"left out: {said}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    every = tuple(readable.records.values())
    plan = PlanFile.read(folder, every).cells
    aside = ids_set_aside(every, plan)
    records = wanted(rows([record for record in every if record.cell_id not in aside], plan), what, ledger)
    check_records(ledger.folder, [one for record in records for one in _row(record, every)])
    protocol = records[0].protocol
    data = _data(folder, records[0], root, transfer_root)
    table = load_data(
        data, console, num_frames=protocol.num_frames, image_size=protocol.image_size, skip_bad=protocol.skip_bad
    )
    cells = [cell_again(record, protocol, table, data) for record in records]
    if cells[0].method.modality == "skeleton":
        load_joints(table, protocol.num_frames, console)
    for line in _other_code(records):
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    with ExitStack() as cleanup:
        scratch = Path(tempfile.mkdtemp(prefix="fgsgl-repro-"))
        cleanup.callback(shutil.rmtree, scratch)
        place = _place(records[0], scratch, data, device)
        with scored_anew(), Live(console, len(cells)) as live:
            execute(Plan(cells), place, live)
        verdicts = [_held(record, ledger, place.ledger, every) for record in records]
        for found in verdicts:
            style = "green" if found.reproduced else "red"
            console.print(found.said, style=style, markup=False, highlight=False, soft_wrap=True)
        reproduced = all(found.reproduced for found in verdicts)
        if not reproduced:
            cleanup.pop_all()
            said = f"records and logs of the repetition: {scratch} (fgsgl diff compares two records' files)"
            console.print(said, markup=False, highlight=False, soft_wrap=True)
    return 0 if reproduced else 1


def wanted(every: Mapping[RowKey, Sequence[Record]], what: str, ledger: Ledger) -> list[Done]:
    """The finished records of the cell or row that a user means.

    Args:
        every: the rows of the board; a cell may be that of two.
        what: as for :func:`fgsgl.records.find.find_cells`.
        ledger: of the board; records in no row are found by their ids.

    Raises:
        UserError: if there is none, several rows have the name, the cell failed, or its predictions are gone.
    """
    loose: list[Named[Record]] = [((), record) for record in ledger.readable().records.values()]
    found = find_cells(what, [*loose, *_named(every)], ledger.folder)
    done = [record for record in {record.cell_id: record for record in found}.values() if isinstance(record, Done)]
    if not done:
        raise UserError(
            f"no cell of {what!r} in {ledger.folder} has finished, so there is no result to hold against it"
        )
    if len({(record.method, record.kind, record.protocol_hash, record.data.fingerprint) for record in done}) > 1:
        ids = ", ".join(record.cell_id for record in done)
        raise UserError(f"{what!r} means several rows of {ledger.folder}; name one of the cells: {ids}")
    for record in done:
        read_predictions(ledger.folder, record.cell_id)  # before hours are spent on something to hold against them
    return done


def _named(every: Mapping[RowKey, Sequence[Record]]) -> Iterator[Named[Record]]:
    for key, group in every.items():
        for record in group:
            yield row_names(key.method, record.config.display_name, key.variant), record


def cell_again(record: Done, protocol: Protocol, table: ClipTable, data: DataSpec) -> Cell:
    """The cell that a record describes, as this version of the code has it.

    Raises:
        UserError: if the data are others, or the same settings would make another cell.
    """
    if table.fingerprint() != record.data.fingerprint:
        raise UserError(
            f"the data in {data.root} have the fingerprint {table.fingerprint()}, but cell {record.cell_id} was run on "
            f"{record.data.fingerprint}; give their folder with --root"
        )
    method = get(record.method)
    if method.unavailable:
        raise UserError(f"{method.name} cannot run here: {method.unavailable}")
    cell = Cell(
        variant=Variant(method=method.name, name=record.variant, changes=method.changes_in(record.config)),
        protocol=protocol,
        seed=record.seed,
        fingerprint=record.data.fingerprint,
        text=data.text,
        trained_text=trained_text(data, table),
        skeletons=skeleton_fingerprint(table) if method.modality == "skeleton" else "",
    )
    if cell.cell_id != record.cell_id:
        raise UserError(
            f"cell {record.cell_id} cannot be run again by this version of the code: {_why(record, cell, method)}; go "
            f"back to commit {record.environment.git_commit}"
        )
    return cell


def _why(record: Record, cell: Cell, method: Method) -> str:
    here = {**asdict(method.describe(cell.variant.changes)), "pretraining": cell.pretraining, "epochs": cell.epochs}
    then = {**asdict(record.config), "pretraining": record.pretraining, "epochs": record.epochs}
    found = list(changed(then, here))
    return (
        "; ".join(f"{name} was {then}, is {now}" for name, then, now in found)
        or "its FG-Text, skeletons or protocol are others"
    )


def _data(folder: Path, record: Record, root: Path | None, transfer_root: Path | None) -> DataSpec:
    """The data in the given folders; else where they lay when the cell ran, if it ran here and they still lie there."""
    spec = CellSpec.find(folder / "work" / record.cell_id)
    last = [path if path and path.exists() else None for path in ((spec.root, spec.transfer_root) if spec else ())]
    return record.protocol.data_spec(*(one or then for one, then in zip_longest((root, transfer_root), last)))


def _other_code(records: Sequence[Record]) -> list[str]:
    """Code and versions that differ from the records'."""
    here = environment(git_state())
    lines = dict.fromkeys(
        f"not as recorded: {name} was {then}, is {now}"
        for record in records
        for name, then, now in changed(to_builtins(record.environment), to_builtins(here))
    )
    dirty = here.git_dirty or any(record.environment.git_dirty for record in records)
    unknown = ["the code had or has changes that no commit holds, so it may differ under one commit"] if dirty else []
    return [*lines, *unknown]


def _place(record: Record, scratch: Path, data: DataSpec, device: str | None) -> Place:
    """The record's device, threads and number of processes: what may change a result by rounding."""
    hardware = record.hardware
    devices, threads = hardware.devices, hardware.threads or 1
    device = device or hardware.device or "auto"
    jobs = max(1, (os.cpu_count() or 1) // (threads * devices)) if device == "cpu" else None
    execution = Execution(device=device, jobs=jobs, devices=devices, compile=hardware.compiled)
    place = local_place(scratch, data, execution)
    return dataclasses.replace(place, threads=threads * devices)


def _held(record: Done, ledger: Ledger, scratch: Ledger, every: Sequence[Record]) -> Verdict:
    again = read_record(scratch.folder / f"{record.cell_id}.json")
    if isinstance(again, Failed):
        failure = f"{again.failure.kind}: {again.failure.message}"
        return Verdict(reproduced=False, said=f"cell {record.cell_id}, seed {record.seed}: failed: {failure}")
    assert isinstance(again, Done)  # a cell that is run again is no trial
    then, now = predictions_of(ledger.folder, record), predictions_of(scratch.folder, again)
    found = prediction_change(then, record.cell_id, now, record.cell_id)
    return verdict(record, again, found, _row(record, every))


def verdict(record: Done, again: Done, found: PredictionChange, row: Sequence[Done]) -> Verdict:
    """Holds a repetition against its record: bit for bit, class for class, and else against where the row's next run
    may lie.

    That is the 95 % prediction interval of one more value, by Student t over the row's seeds: the mean plus or minus
    t s sqrt(1 + 1/n). The interval of the row's mean is narrower, and a faithful repetition would often miss it.

    Args:
        record: as it was.
        again: of the finished repetition.
        found: what both said of the clips.
        row: the finished records of the cell's row, its own among them.
    """
    who = f"cell {record.cell_id}, seed {record.seed}"
    if found.identical:
        return Verdict(reproduced=True, said=f"{who}: identical: every score of every test clip is the same")
    top1 = 100 * again.metrics.top1
    said = (
        f"{who}: not identical ({_machine(record, again)}); {found.changed} of {found.n} clips changed their "
        f"prediction, top-1 {top1:.2f} %, recorded {100 * record.metrics.top1:.2f} %"
    )
    if not found.changed:
        return Verdict(reproduced=True, said=said)
    top1s_N = 100 * np.array([other.metrics.top1 for other in row])
    half = t_half_width(top1s_N)
    if half is None:
        return Verdict(reproduced=False, said=f"{said}; a row of one seed has no interval to lie in")
    half *= math.sqrt(len(top1s_N) + 1)
    inside = abs(top1 - top1s_N.mean()) <= half
    interval = f"{top1s_N.mean() - half:.2f} to {top1s_N.mean() + half:.2f} %"
    said += f"; {'within' if inside else 'OUTSIDE'} the row's interval for one more run, {interval}"
    return Verdict(reproduced=bool(inside), said=f"{said} (95 %, n = {len(top1s_N)} seeds)")


def _row(record: Done, every: Sequence[Record]) -> list[Done]:
    """The finished records of a record's row."""

    def of(one: Record) -> tuple:
        return one.method, one.variant, one.kind, one.protocol_hash, one.data.fingerprint

    return [other for other in every if isinstance(other, Done) and of(other) == of(record)]


def _machine(record: Record, again: Record) -> str:
    """Whether identity could be expected: what is other than recorded, as far as it was recorded."""
    pairs = (record.hardware, again.hardware), (record.environment, again.environment)
    plain = [(to_builtins(then), to_builtins(now)) for then, now in pairs]
    names = [name for then, now in plain for name, was, _ in changed(then, now) if was is not None]
    if names:
        return f"other {', '.join(names)}"
    unrepeatable = again.hardware.unrepeatable
    known = f"; a GPU repeats no {', '.join(unrepeatable)}" if unrepeatable else ""
    return f"on the same machine, device, code and versions{known}"
