"""The one way of every experiment: plan -> execute -> report. ``fgsgl run``, the ablations and the sweeps all go it.

How a board is shown is told by the caller: this package knows no reports.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fgsgl.bench.cell import Variant
from fgsgl.bench.design import Design
from fgsgl.bench.execute import execute
from fgsgl.bench.live import Counter, Live, cell_label
from fgsgl.bench.methods import get
from fgsgl.bench.place import local_place
from fgsgl.bench.plan import Planned, cells, plan, write_plan
from fgsgl.bench.protocol import Protocol
from fgsgl.bench.study import open_studies
from fgsgl.bench.work import Plan
from fgsgl.data import sets
from fgsgl.data.cliptable import SPLITS, ClipTable
from fgsgl.data.layout import layout_name
from fgsgl.data.release import deviations
from fgsgl.errors import UserError


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


def run(
    experiment: Experiment, console: Console, show: Callable[[Path, Console], None], *, dry_run: bool = False
) -> int:
    """Plans, executes and reports; returns the exit code (1 if a cell failed).

    Args:
        experiment: what to run.
        console: where it is told.
        show: writes and prints the board of a folder, such as :func:`fgsgl.report.write.show_board`.
        dry_run: only list the cells.

    Raises:
        UserError: for bad input, before anything is trained where that is possible.
    """
    if experiment.seeds < 1:
        raise UserError(f"--seeds is {experiment.seeds}, expected at least 1 (a count: seeds 0..n-1)")
    root = data_root(experiment.protocol, experiment.root)
    place = local_place(
        experiment.out, root, experiment.device, experiment.jobs, experiment.devices, experiment.compile,
        experiment.visualizer, experiment.executor,
    )  # fmt: skip
    _divide(experiment.protocol, experiment.devices)
    for method in (get(variant.method) for variant in experiment.variants):
        if method.unavailable:
            raise UserError(f"{method.name} cannot run here: {method.unavailable}")
    table = _table(experiment, root, console, dry_run)
    wanted = cells(
        experiment.variants,
        experiment.protocol,
        experiment.seeds,
        table.fingerprint(),
        sets.get(experiment.protocol.dataset).text(root),
    )
    planned = plan(wanted, place.ledger, committed())
    if dry_run:
        show_plan(planned, place.jobs, console)
        return 0
    experiment.out.mkdir(parents=True, exist_ok=True)
    designs = [design.as_dict(experiment.protocol.hash(), experiment.seeds) for design in experiment.designs]
    write_plan(experiment.out / "plan.json", planned, designs)
    studies = open_studies(experiment.designs, wanted, place.ledger, experiment.out, experiment.storage)
    todo = [item.cell for item in planned if not item.done]
    console.print(
        f"{len(planned)} cells, {len(planned) - len(todo)} already done, {place.jobs} at a time", highlight=False
    )
    work = Plan(todo)
    if todo:
        with Live(console, len(todo), studies) as live:
            execute(work, place, live)
    show(experiment.out, console)
    for cell in work.failed:
        failure = place.ledger.get(cell.cell_id).failure
        if failure["class"] in ("bad_data", "unwritable"):
            raise UserError(f"{cell_label(cell)}: {failure['message']}")
    return 1 if work.failed else 0


def _table(experiment: Experiment, root: Path, console: Console, dry_run: bool) -> ClipTable:
    """The clip table and, unless nothing is run, whatever cells read of it: frames, hashes and joints."""
    from fgsgl.data.cache import pending

    protocol = experiment.protocol
    skeletons = any(get(variant.method).modality == "skeleton" for variant in experiment.variants)
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


def _divide(protocol: Protocol, devices: int) -> None:
    """Refuses processes that a batch, in as many parts as it is computed in, cannot be divided over evenly."""
    if protocol.batch_size % (protocol.accumulate * devices):
        raise UserError(
            f"--devices is {devices}, expected a number that divides the batch: {protocol.batch_size} clips in "
            f"{protocol.accumulate} part(s); change --batch-size or --accumulate"
        )


def show_plan(planned: Sequence[Planned], jobs: int, console: Console) -> None:
    """Prints the cells, which of them are done, and how long the others may take."""
    view = Table("cell", "run", "state", "expected")
    for item in planned:
        expected = "" if item.done else "no record to go by" if item.expected_s is None else f"{item.expected_s:.0f} s"
        view.add_row(item.cell.cell_id, cell_label(item.cell), "done" if item.done else "to do", expected)
    console.print(view)
    todo = [item for item in planned if not item.done]
    known = [item.expected_s for item in todo if item.expected_s is not None]
    about = f"about {sum(known) / jobs:.0f} s with {jobs} at a time" if known else "time unknown"
    missing = f" for {len(known)} of them" if known and len(known) < len(todo) else ""
    console.print(f"{len(todo)} cells to run, {about}{missing}" if todo else "nothing to run", highlight=False)
