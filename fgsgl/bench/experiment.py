"""The one way of every experiment: plan -> execute -> report. ``fgsgl run``, the ablations and the sweeps all go it."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fgsgl.bench import disk, gpus
from fgsgl.bench.cell import Cell, Variant
from fgsgl.bench.design import Design
from fgsgl.bench.execute import execute
from fgsgl.bench.limits import Limits
from fgsgl.bench.live import Counter, Live, cell_label
from fgsgl.bench.methods import get
from fgsgl.bench.place import Place, local_place
from fgsgl.bench.plan import Planned, cells, on_record, plan, undone, write_plan
from fgsgl.bench.protocol import Protocol
from fgsgl.bench.study import DesignStudy, open_studies
from fgsgl.bench.work import Plan
from fgsgl.data import sets
from fgsgl.data.cliptable import SPLITS, ClipTable
from fgsgl.data.layout import layout_name
from fgsgl.data.release import deviations
from fgsgl.errors import UserError

Show = Callable[[Path, Console], None]
"""Writes and prints the board of a folder, as :func:`fgsgl.report.write.show_board` does; ``bench`` knows no report."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """What to compare, and where."""

    variants: tuple[Variant, ...]
    protocol: Protocol
    seeds: int
    """Paired seeds 0..n-1."""
    out: Path
    """The board's folder."""
    root: Path | None = None
    """The data set's folder; None: its default place below ``data/``."""
    device: str = "auto"
    jobs: int | None = None
    devices: int = 1
    """Processes that a training is divided over."""
    compile: bool = False
    visualizer: str | None = None
    executor: str = "local"
    limits: Limits = field(default_factory=Limits)
    designs: tuple[Design, ...] = ()
    """What the variants are the arms of."""
    storage: str | None = None
    """URL of the data base that shows the designs; None: a file below ``out``."""


def data_root(protocol: Protocol, root: Path | None) -> Path:
    """The given folder, or the data set's default place below ``$FGSGL_DATA`` or ``data/``."""
    base = Path(os.environ.get("FGSGL_DATA", "data"))
    return root or sets.get(protocol.dataset).root(base, protocol.preset, protocol.data_seed)


def committed() -> list[Path]:
    """The ledgers below ``results/``, which tell how long a cell takes and how much seeds vary."""
    return sorted(Path("results").glob("**/ledger"))


def load_table(protocol: Protocol, root: Path, console: Console, *, make: bool = True) -> ClipTable:
    """The clip table; says how it deviates from the release.

    Args:
        protocol: names the data set.
        root: its folder.
        console: where it is told, with a progress bar.
        make: whether the videos of a generated data set are rendered where they are missing; its table is known
            without them.

    Raises:
        UserError: for missing data or an empty split.
    """
    module = sets.get(protocol.dataset, protocol.preset)
    if make or not hasattr(module, "planned"):
        with Counter(console, "rendering videos") as counter:
            table = module.load(
                root, protocol.preset, protocol.data_seed, workers=os.cpu_count() or 1, progress=counter.update
            )
    else:
        table = module.planned(root, protocol.preset, protocol.data_seed)
        if missing := sum(not table.path(clip).is_file() for clip in table.clips):
            console.print(
                f"{missing} of {len(table.clips)} videos to be rendered at {root}", markup=False, highlight=False
            )
    for line in (*deviations(table, module.official(root, protocol.preset)), *table.caveats):
        console.print(line, style="yellow", markup=False, highlight=False)
    for split in SPLITS:
        table.split(split)
    return table


def load_data(protocol: Protocol, root: Path, console: Console) -> ClipTable:
    """The clip table, its data made where they can be, its frame cache filled and its videos hashed for the audit.

    Raises:
        UserError: from :func:`load_table`, or for an unreadable video unless the protocol skips such.
    """
    from fgsgl.data.cache import check_folder, open_cache, refuse_bad
    from fgsgl.data.check import video_facts

    table, workers = load_table(protocol, root, console), os.cpu_count() or 1
    with Counter(console, "decoding frames") as counter:
        cache = open_cache(
            table, protocol.num_frames, protocol.image_size, workers=workers, progress=counter.update,
            tell=lambda line: console.print(line, markup=False, highlight=False),
        )  # fmt: skip
    if not protocol.skip_bad:
        refuse_bad(cache)
    with Counter(console, "hashing videos") as counter:
        video_facts(table, check_folder(table), workers=workers, progress=counter.update)
    return table


def load_joints(protocol: Protocol, table: ClipTable, console: Console) -> None:
    """Fills the joint cache of a table, with a progress bar.

    Raises:
        UserError: for a skeleton that cannot be read.
    """
    from fgsgl.data.joints import open_joints

    with Counter(console, "reading skeletons") as counter:
        open_joints(table, protocol.num_frames, workers=os.cpu_count() or 1, progress=counter.update)


def prepare(
    methods: Sequence[str], protocol: Protocol, root: Path, console: Console, *, dry_run: bool = False
) -> ClipTable:
    """The clip table, with everything cached that some methods read; in a dry run the table alone.

    Raises:
        UserError: for a method that cannot run here or has nothing to read, or as :func:`load_data`.
    """
    from fgsgl.data.cache import pending

    for method in map(get, methods):
        if method.unavailable:
            raise UserError(f"{method.name} cannot run here: {method.unavailable}")
    skeletons = any(get(name).modality == "skeleton" for name in methods)
    if skeletons:
        layout_name(protocol.dataset)  # refuses a data set without any, before its videos are decoded
    if dry_run:
        table = load_table(protocol, root, console, make=False)
        if line := pending(table, protocol.num_frames, protocol.image_size):
            console.print(line, markup=False, highlight=False)
        return table
    table = load_data(protocol, root, console)
    if skeletons:
        load_joints(protocol, table, console)
    return table


def run(experiment: Experiment, console: Console, show: Show, *, dry_run: bool = False) -> int:
    """Plans, executes and reports; returns the exit code (1 if a cell failed).

    Args:
        experiment: what to run.
        console: where it is told.
        show: the board, afterwards.
        dry_run: only list the cells.

    Raises:
        UserError: for bad input, before anything is trained where that is possible.
    """
    if experiment.seeds < 1:
        raise UserError(f"--seeds is {experiment.seeds}, expected at least 1 (a count: seeds 0..n-1)")
    root = data_root(experiment.protocol, experiment.root)
    place = local_place(
        experiment.out, root, experiment.device, experiment.jobs, experiment.devices, experiment.compile,
        experiment.visualizer, experiment.executor, experiment.limits,
    )  # fmt: skip
    require_division(experiment.protocol, experiment.devices)
    methods = [variant.method for variant in experiment.variants]
    table = prepare(methods, experiment.protocol, root, console, dry_run=dry_run)
    wanted = cells(
        experiment.variants,
        experiment.protocol,
        experiment.seeds,
        table.fingerprint(),
        sets.get(experiment.protocol.dataset).text(root),
    )
    planned = plan(wanted, place.ledger, committed())
    todo = undone(planned)
    if dry_run:
        show_plan(planned, place.jobs, console)
        return 0
    experiment.out.mkdir(parents=True, exist_ok=True)
    designs = [design.as_dict(experiment.protocol.hash(), experiment.seeds) for design in experiment.designs]
    write_plan(experiment.out / "plan.json", planned, designs)
    studies = open_studies(experiment.designs, wanted, place.ledger, experiment.out, experiment.storage)
    done = sum(item.done for item in planned)
    console.print(f"{len(planned)} cells, {done} already done, {place.jobs} at a time", highlight=False)
    failed_before = tell_results(planned, experiment.out, console)
    return max(work_off(todo, place, console, show, studies), int(failed_before))


def work_off(
    todo: Sequence[Cell], place: Place, console: Console, show: Show, studies: Sequence[DesignStudy] = ()
) -> int:
    """Executes the cells of a plan and writes the board; returns the exit code (1 if a cell failed).

    Raises:
        UserError: where the data or the disk are at fault.
    """
    require_room(todo, place, console)
    work = Plan(todo)
    if todo:
        with Live(console, len(todo), studies) as live:
            execute(work, place, live)
    if any(place.ledger.folder.glob("*.json")):
        show(place.out, console)
    tell_left(work, len(todo), place, console)
    for cell in work.failed:
        failure = place.ledger.get(cell.cell_id).failure
        if failure["class"] == "bad_data":
            raise UserError(f"{cell_label(cell)}: {failure['message']}")
    return 1 if work.failed else 0


def tell_left(work: Plan, total: int, place: Place, console: Console) -> None:
    """Says how many cells were not started any more, where the hours were over."""
    if work.open:
        left = f"{len(work.waiting)} of {total} cells are left after {place.limits.max_hours:g} hours (--max-hours)"
        console.print(f"{left}: the same command goes on from here", highlight=False)


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
    crowded = place.executor == "local" and 0 < len(place.gpus) < place.jobs * place.devices
    memory_mib = gpus.memory_mib(place.gpus) if crowded else None
    if memory_mib is not None:
        peaks = gpus.peaks_mib(cells, on_record(place.ledger, committed()))
        gpus.refuse_crowding(place.jobs, place.devices, len(place.gpus), peaks, memory_mib)
    need, free = disk.needed_mib(cells, place.jobs, place.limits.keep_checkpoints), disk.free_mib(place.out)
    if cells and need + disk.RESERVE_MIB > free:
        said = f"{free:.0f} MiB are free on the disk of {place.out}; all {len(cells)} cells need about {need:.0f} MiB"
        console.print(f"{said} and a reserve of {disk.RESERVE_MIB} MiB", style="yellow", highlight=False)


def show_plan(planned: Sequence[Planned], jobs: int, console: Console) -> None:
    """Prints the cells, which of them are done, and how long the others may take."""
    view = Table("cell", "run", "state", "expected")
    for item in planned:
        known = "no record to go by" if item.expected_s is None else f"{item.expected_s:.0f} s"
        state = "done" if item.done else f"failed ({item.failure})" if item.failure else "to do"
        view.add_row(item.cell.cell_id, cell_label(item.cell), state, known if item.todo else "")
    console.print(view)
    todo = [item for item in planned if item.todo]
    known = [item.expected_s for item in todo if item.expected_s is not None]
    about = f"about {sum(known) / jobs:.0f} s with {jobs} at a time, as on record" if known else "time unknown"
    missing = f", not counting the {len(todo) - len(known)} without a record" if 0 < len(known) < len(todo) else ""
    console.print(f"{len(todo)} cells to run, {about}{missing}" if todo else "nothing to run", highlight=False)
