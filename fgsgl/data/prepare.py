"""A data set made ready: its clip table, frame cache and joint cache."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fgsgl.data import datasets
from fgsgl.data.clip_table import SPLITS, ClipTable
from fgsgl.data.datasets._release import deviations
from fgsgl.data.skeletons import layout_name
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError
from fgsgl.util.terminal import Counter


def data_root(protocol: Protocol, root: Path | None) -> Path:
    """The given folder, or the data set's default place below ``$FGSGL_DATA`` or ``data/``."""
    base = Path(os.environ.get("FGSGL_DATA", "data"))
    return root or datasets.get(protocol.dataset).root(base, protocol.preset, protocol.data_seed)


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
    module = datasets.get(protocol.dataset, protocol.preset)
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
    from fgsgl.data.check import video_facts
    from fgsgl.data.frame_cache import check_folder, open_cache, refuse_bad

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
    from fgsgl.data.joint_cache import open_joints

    with Counter(console, "reading skeletons") as counter:
        open_joints(table, protocol.num_frames, workers=os.cpu_count() or 1, progress=counter.update)


def prepare(
    methods: Sequence[str], protocol: Protocol, root: Path, console: Console, *, dry_run: bool = False
) -> ClipTable:
    """The clip table, with everything cached that some methods read; in a dry run the table alone.

    Raises:
        UserError: for a method that cannot run here or has nothing to read, or as :func:`load_data`.
    """
    from fgsgl.data.frame_cache import pending

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
