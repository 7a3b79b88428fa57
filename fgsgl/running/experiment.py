"""The one way of every experiment: plan -> execute -> report. ``fgsgl run``, the ablations and the sweeps all go it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from fgsgl.data.prepare import trained_text
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.plan_file import Design, add_to_plan
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Failed
from fgsgl.running import capacity
from fgsgl.running.execution import Execution, Place
from fgsgl.running.leftovers import clear_leftovers
from fgsgl.running.observer import Observer
from fgsgl.running.plan_view import show_plan
from fgsgl.running.planning import Planned, cells, on_record, plan, primary_contrasts, undone
from fgsgl.running.preparation import Preparation, require_countable
from fgsgl.running.progress import Live, cell_label
from fgsgl.running.scheduler import Plan, execute
from fgsgl.util.domain import SEED_COUNTS, require
from fgsgl.util.errors import UserError
from fgsgl.util.files import require_folder

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
    ready = Preparation.checked(experiment.variants, protocols, data, experiment.out, experiment.execution)
    table, place = ready.load(console, dry_run=dry_run), ready.place
    wanted = [
        cell
        for protocol in protocols
        for cell in cells(
            experiment.variants, protocol, experiment.seeds, table.fingerprint(), data.text, ready.skeletons(table),
            ceilings=experiment.ceilings, trained_text=trained_text(data, table),
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
