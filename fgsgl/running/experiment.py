"""The one way of every experiment: plan -> execute -> report. ``fgsgl run``, the ablations and the sweeps all go it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from fgsgl.data.clip_table import ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.joint_cache import skeleton_fingerprint
from fgsgl.data.prepare import prepare, trained_text
from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.registry import get
from fgsgl.methods.variant_file import require_valid
from fgsgl.records.plan_file import Design, add_to_plan
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.records.record import Failed
from fgsgl.running import capacity
from fgsgl.running.execution import Execution, Place, local_place
from fgsgl.running.fit import require_buildable, require_text, require_transferable
from fgsgl.running.leftovers import clear_leftovers
from fgsgl.running.observer import Observer
from fgsgl.running.plan_view import show_plan
from fgsgl.running.planning import Planned, cells, on_record, plan, primary_contrasts, undone
from fgsgl.running.progress import Live, cell_label
from fgsgl.running.scheduler import Plan, execute
from fgsgl.util.domain import SEED_COUNTS, require
from fgsgl.util.errors import UserError
from fgsgl.util.files import require_folder

MOST_CELLS = 20_000
"""Cells of one command; a thousand are weeks of work."""
Show = Callable[[Path, Console], bool]
"""Writes and prints the board of a folder, and says whether it is whole, as :func:`fgsgl.report.report.show_board`."""
Observe = Callable[[Sequence[Cell], Place], Sequence[Observer]]
"""(all cells of an experiment, where they run) -> observers, created when the plan has been written."""


def no_observers(cells: Sequence[Cell], place: Place) -> Sequence[Observer]:
    """None besides the progress on the terminal."""
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """An experiment: what to compare, and where."""

    variants: tuple[Variant, ...]
    protocol: Protocol
    seeds: int
    """Paired seeds 0..n-1."""
    out: Path
    """The board's folder."""
    root: Path | None = None
    """The data set's folder; None: its default place below ``data/``."""
    transfer_root: Path | None = None
    """The folder of the data that are trained on, where the protocol names others; None: their default place."""
    execution: Execution = field(default_factory=Execution)
    ceilings: bool = True
    """Run the ceilings too, such as SynMG's oracles."""
    folds: int | None = None
    """Folds 0..n-1 of unseen classes, each a protocol of its own; None: the protocol as it is."""

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocol, or one for each fold.

        Raises:
            UserError: for folds of a protocol that holds no class out, or that names a fold itself.
        """
        return folds_of(self.protocol, self.folds)


def folds_of(protocol: Protocol, folds: int | None) -> tuple[Protocol, ...]:
    """The protocol of each fold 0..n-1 of unseen classes; None: the protocol as it is.

    Raises:
        UserError: for folds of a protocol that holds no class out, or that names a fold itself.
    """
    if folds is None:
        return (protocol,)
    if not protocol.unseen:
        raise UserError(f"--folds is {folds}, but no class is held out; add --unseen, or leave --folds out")
    if protocol.fold:
        raise UserError(
            f"--fold {protocol.fold} names one fold and --folds {folds} the first ones; give one of the two"
        )
    return tuple(dataclasses.replace(protocol, fold=fold) for fold in range(folds))


def committed() -> list[Path]:
    """The ledgers below ``results/``, which tell how long a cell takes and how much seeds vary."""
    return sorted(Path("results").glob("**/ledger"))


def run(
    experiment: Experiment,
    console: Console,
    show: Show,
    *,
    designs: Sequence[Design] = (),
    observe: Observe = no_observers,
    dry_run: bool = False,
) -> int:
    """Plans, executes and reports; returns the exit code (1 if a cell failed).

    Args:
        experiment: what to run.
        console: where it is told.
        show: the board, afterwards.
        designs: the ablation designs whose arms the variants are, for ``plan.json``.
        observe: makes observers of the cells, besides the progress on the terminal.
        dry_run: only list the cells.

    Raises:
        UserError: for bad input, before anything is trained where that is possible.
    """
    require("--seeds", experiment.seeds, int, SEED_COUNTS)
    protocols = experiment.protocols
    require_countable(len(experiment.variants) * experiment.seeds * len(protocols))
    require_folder(experiment.out)
    data = experiment.protocol.data_spec(experiment.root, experiment.transfer_root)
    place = local_place(experiment.out, data, experiment.execution)
    require_division(experiment.protocol, experiment.execution.devices)
    methods = [variant.method for variant in experiment.variants]
    for variant in experiment.variants:
        require_valid(variant, experiment.protocol)
    require_text(methods, data)
    require_transferable(experiment.variants, experiment.protocol, data)
    require_buildable(experiment.variants, experiment.protocol, data.text)
    table = prepare_data(methods, experiment.protocol, data, console, dry_run=dry_run)
    for protocol in protocols:
        require_clips(protocol, table)
    wanted = [
        cell
        for protocol in protocols
        for cell in cells(
            experiment.variants, protocol, experiment.seeds, table.fingerprint(), data.text,
            skeletons_read(methods, table), ceilings=experiment.ceilings, trained_text=trained_text(data, table),
        )
    ]  # fmt: skip
    planned = plan(wanted, place.ledger, committed())
    todo = undone(planned)
    if dry_run:
        show_plan(planned, place.jobs, console)
        return 0
    experiment.out.mkdir(parents=True, exist_ok=True)
    primary = [one for protocol in protocols for one in primary_contrasts(experiment.variants, protocol, place.ledger)]
    add_to_plan(experiment.out, [item.cell.planned() for item in planned], designs, primary=primary)
    clear_leftovers((item.cell for item in planned if item.done), place)
    observers = observe(wanted, place)
    done = sum(item.done for item in planned)
    console.print(f"board: {experiment.out}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(planned)} cells, {done} already done, {place.jobs} at a time", markup=False, highlight=False)
    failed_before = tell_results(planned, experiment.out, console)
    return max(work_off(todo, place, console, show, observers), int(failed_before))


def require_countable(count: int, unit: str = "cells") -> None:
    """Refuses more cells than one command can plan, before they are made.

    Raises:
        UserError: saying how many there would be.
    """
    if count > MOST_CELLS:
        raise UserError(f"these are {count} {unit}, and one command takes at most {MOST_CELLS}; ask for fewer at once")


def require_clips(protocol: Protocol, table: ClipTable) -> None:
    """Refuses a regime that the data cannot have, and a batch of more clips than there are to train on: no step could
    ever have as many.

    The data set's default is let be; a small data set then trains with all its clips in one step.

    Raises:
        UserError: naming the classes, or the size of the training split.
    """
    table = protocol.regime.apply(table, 0)
    count = sum(clip.split == "train" for clip in table.clips)
    if protocol.batch_size > max(count, default_protocol(protocol.dataset, protocol.preset).batch_size):
        raise UserError(
            f"batch_size is {protocol.batch_size}, but the training split has {count} clip(s); expected at most these"
        )


def prepare_data(
    methods: Sequence[str], protocol: Protocol, data: DataSpec, console: Console, *, dry_run: bool = False
) -> ClipTable:
    """The clip table, after everything that the methods read is cached; a dry run caches nothing.

    Raises:
        UserError: for a method that cannot run here, or as :func:`fgsgl.data.prepare.prepare`.
    """
    chosen = [get(name) for name in methods]
    for method in chosen:
        if method.unavailable:
            raise UserError(f"{method.name} cannot run here: {method.unavailable}")
    table = prepare(
        data,
        console,
        num_frames=protocol.num_frames,
        image_size=protocol.image_size,
        skip_bad=protocol.skip_bad,
        skeletons=any(method.modality == "skeleton" for method in chosen),
        text=any(method.reads_text for method in chosen),
        dry_run=dry_run,
    )
    seeing = [method.name for method in chosen if method.modality == "rgb" and method.model is not None]
    if seeing and not table.has_videos:
        raise UserError(f"{data.dataset} at {data.root} has skeletons and no videos, which {', '.join(seeing)} read(s)")
    return table


def skeletons_read(methods: Sequence[str], table: ClipTable) -> str:
    """Fingerprint of the skeleton files, where one of the methods reads them; else ``""``."""
    return skeleton_fingerprint(table) if any(get(name).modality == "skeleton" for name in methods) else ""


def work_off(
    todo: Sequence[Cell], place: Place, console: Console, show: Show, observers: Sequence[Observer] = ()
) -> int:
    """Executes the cells of a plan and writes the board; returns the exit code: 1 if a cell failed or a figure is
    left out.

    Raises:
        UserError: where the data or the disk are at fault.
    """
    require_room(todo, place, console)
    work = Plan(todo)
    if todo:
        with Live(console, len(todo)) as live:
            execute(work, place, live, *observers)
    whole = not any(place.ledger.folder.glob("*.json")) or show(place.out, console)
    tell_left(work, len(todo), place, console)
    for cell in work.failed:
        record = place.ledger.get(cell.cell_id)
        if isinstance(record, Failed) and record.failure.kind == "bad_data":
            raise UserError(f"{cell_label(cell)}: {record.failure.message}")
    return 1 if work.failed or not whole else 0


def tell_left(work: Plan, total: int, place: Place, console: Console) -> None:
    """Says how many cells were not started any more, where the hours were over."""
    if work.open:
        hours = place.execution.limits.max_hours
        left = f"{len(work.waiting)} of {total} cells are left after {hours:g} hours (--max-hours)"
        console.print(f"{left}: the same command goes on from here", markup=False, highlight=False)


def tell_results(planned: Sequence[Planned], out: Path, console: Console) -> bool:
    """Whether there are cells whose failure is a result; says so, and how they are run again."""
    failures = collections.Counter(item.failure for item in planned if item.failure)
    if failures:
        classes = ", ".join(f"{count} {name}" for name, count in failures.items())
        console.print(
            f"{failures.total()} cell(s) failed before ({classes}), which is their result and not run again by this "
            f"command; fgsgl retry {out} --failed does", markup=False, highlight=False, style="yellow",
        )  # fmt: skip
    return bool(failures)


def require_division(protocol: Protocol, devices: int) -> None:
    """Refuses processes that a batch, in as many parts as it is computed in, cannot be divided over evenly."""
    if protocol.batch_size % (protocol.accumulate * devices):
        raise UserError(
            f"--devices is {devices}, expected a number that divides the batch: {protocol.batch_size} clips in "
            f"{protocol.accumulate} part(s); change --batch-size or --accumulate"
        )


def require_room(cells: Sequence[Cell], place: Place, console: Console) -> None:
    """Refuses several cells on a GPU whose memory does not hold them, as far as records tell, and says where the cells
    may not all fit on the disk; how far they do is seen when they run.

    Raises:
        UserError: naming how many cells would fit on the GPUs.
    """
    wanted = place.execution
    crowded = wanted.executor == "local" and 0 < len(place.gpus) < place.jobs * wanted.devices
    memory_mib = capacity.memory_mib(place.gpus) if crowded else None
    if memory_mib is not None:
        peaks = capacity.peaks_mib(cells, on_record(place.ledger, committed()))
        capacity.refuse_crowding(place.jobs, wanted.devices, len(place.gpus), peaks, memory_mib)
    need = capacity.needed_mib(cells, place.jobs, wanted.limits.keep_checkpoints)
    free = capacity.free_mib(place.out)
    if cells and need + capacity.RESERVE_MIB > free:
        said = f"{free:.0f} MiB are free on the disk of {place.out}; all {len(cells)} cells need about {need:.0f} MiB"
        console.print(
            f"{said} and a reserve of {capacity.RESERVE_MIB} MiB", style="yellow", markup=False, highlight=False
        )
