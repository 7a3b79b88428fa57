"""``fgsgl data`` and ``fgsgl oracle``: make, verify, draw and check data. Each action imports what it needs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.cli.options import Commands, add_command, add_data_arguments, dataset_of, root_of, say
from fgsgl.util.command_line import file_path, number, path_ending
from fgsgl.util.domain import SEEDS, Numbers
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from fgsgl.data.clip_table import ClipTable
    from fgsgl.data.data_spec import DataSpec
    from fgsgl.data.faults import Fault
    from fgsgl.records.protocol import Protocol

SHOWN_LEFT_OUT = 20
"""Lines about files that are no clips, after which the rest is only counted."""


def add_data_commands(commands: Commands) -> None:
    """Adds ``data`` with its actions, and ``oracle``, to the command line."""
    oracle = add_command(commands, "oracle", _oracle, "score small networks on the true joints: what a preset allows")
    _add_synmg_arguments(oracle)

    actions = commands.add_parser("data", help="make, verify or check data").add_subparsers(
        required=True, metavar="action"
    )
    for name, function, text in (
        ("make", _make, "render a synthetic data set; completes a folder that was interrupted"),
        ("verify", _verify, "check a synthetic data set's files against its manifest"),
        ("sheet", _sheet, "draw every class of a synthetic data set in eight frames"),
    ):
        action = add_command(actions, name, function, text)
        _add_synmg_arguments(action)
        if name == "sheet":
            action.add_argument(
                "--out", type=path_ending(".png"), default=Path("sheet.png"), help="the picture (default: %(default)s)"
            )
        if name == "make":
            action.add_argument(
                "--device",
                default="cpu",
                help="that renders: cpu gives the same frames on every machine, cuda may differ from them by a grey "
                "level (default: %(default)s)",
            )
    index = add_command(actions, "index", _index, "write the table of a folder with one folder of videos a class")
    index.add_argument("folder", type=file_path, help="holds <class>/<video>, or train, val and test with such folders")
    index.add_argument("--out", type=path_ending(".csv"), help="the table (default: clips.csv in the folder)")
    index.add_argument(
        "--seed", type=number(int, SEEDS), default=0, help="draws splits that are not given (default: %(default)s)"
    )
    _add_imports(actions)
    check = add_command(actions, "check", _check, "open every video of a data set and hold its table against them")
    check.add_argument("dataset", nargs="?", help="synmg, smg, imigue, ma52 or csv (default: csv with --table)")
    add_data_arguments(check)
    check.add_argument("--workers", type=number(int, Numbers(1, 256)), help="processes (default: one a core)")


def _add_imports(actions: Commands) -> None:
    formats = actions.add_parser("import", help="make a table of MMAction2's lists, or of skeletons").add_subparsers(
        required=True, metavar="format"
    )
    lists = add_command(
        formats,
        "mmaction",
        _import_lists,
        "make a table of lists of videos or frames, or of Kinetics' tables",
    )
    lists.add_argument(
        "lists", nargs="+", type=file_path, help="lists, with train, val or test in their names; or Kinetics' tables"
    )
    lists.add_argument(
        "--videos", type=file_path, help="the folder that their paths start from (default: the first list's)"
    )
    lists.add_argument("--out", type=path_ending(".csv"), help="the table (default: clips.csv beside the first list)")
    skeletons = add_command(
        formats, "skeletons", _import_skeletons, "make a folder of skeletons of MMAction2's or PYSKL's pickle"
    )
    skeletons.add_argument("pickle", type=file_path, help="read without executing code: NumPy arrays of numbers alone")
    skeletons.add_argument("--layout", help="of the joints: coco17, openpose18, ... (default: the one with as many)")
    skeletons.add_argument("--splits", help="beginning of the splits' names, such as xsub of xsub_train")
    skeletons.add_argument("--out", type=file_path, help="the folder to write (default: the pickle's name)")
    for parser in (lists, skeletons):
        parser.add_argument("--classes", type=file_path, help="names of the classes, a line each")


def _add_synmg_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", choices=["synmg"])
    parser.add_argument("--preset", default="quick", help="quick, standard, hard or smoke (default: %(default)s)")
    parser.add_argument(
        "--seed", type=number(int, SEEDS), default=0, help="seed of the data set (default: %(default)s)"
    )
    parser.add_argument("--root", type=file_path, help="its folder (default: data/synmg/<preset>-seed<seed>)")


def _synmg_root(arguments: argparse.Namespace) -> Path:
    from fgsgl.records.protocol import default_protocol

    protocol = default_protocol(arguments.dataset, arguments.preset, data_seed=arguments.seed)
    return protocol.data_spec(arguments.root).root


def _make(arguments: argparse.Namespace) -> int:
    from fgsgl.data.synmg.make import make
    from fgsgl.records.environment import resolve_device
    from fgsgl.util.terminal import Counter, wide_console

    root, device = _synmg_root(arguments), resolve_device(arguments.device)
    with Counter(wide_console(), "rendering videos") as counter:
        table = make(root, arguments.preset, arguments.seed, device=device, progress=counter.update)
    say(f"{len(table.clips)} clips, {len(table.classes)} classes at {root}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from fgsgl.data.synmg.verify import verify

    root = _synmg_root(arguments)
    faults = verify(root)
    if faults:
        raise UserError(f"{root} has {len(faults)} fault(s): {'; '.join(faults[:5])}; `fgsgl data make` restores files")
    say(f"{root} is whole")
    return 0


def _sheet(arguments: argparse.Namespace) -> int:
    from fgsgl.data.synmg.contact_sheet import sheet

    sheet(arguments.out, arguments.preset, arguments.seed)
    say(f"drawn: {arguments.out}")
    return 0


def _oracle(arguments: argparse.Namespace) -> int:
    from fgsgl.data.synmg.oracle import GENEROUS, KINDS, View, oracle
    from fgsgl.records.protocol import default_protocol

    root = _synmg_root(arguments)
    seen = View(num_frames=default_protocol("synmg", arguments.preset).num_frames)
    for name, kind, view in [*((kind, kind, seen) for kind in KINDS), ("generous", "motion", GENEROUS)]:
        print(f"{name:<8} {view.num_frames:>2} frames  top-1 {100 * oracle(root, kind, view).top1:.1f} %", flush=True)
    return 0


def _index(arguments: argparse.Namespace) -> int:
    from collections import Counter

    from fgsgl.data.importing.folder_index import index
    from fgsgl.util import terminal

    table = arguments.out or arguments.folder / "clips.csv"
    with terminal.Counter(terminal.wide_console(), "opening files") as counter:
        found = index(
            arguments.folder, table, arguments.seed, workers=os.cpu_count() or 1, progress=counter.update
        )  # fmt: skip
    counts = Counter(clip.split for clip in found.clips)
    shown = ", ".join(f"{counts[split]} {split}" for split in ("train", "val", "test"))
    for line in found.left_out[:SHOWN_LEFT_OUT]:
        say(f"left out: {line}")
    if len(found.left_out) > SHOWN_LEFT_OUT:
        say(f"left out: {len(found.left_out) - SHOWN_LEFT_OUT} more")
    say(
        f"written: {table}; {len(found.clips)} clips ({shown}) of {len(found.classes)} classes; "
        f"`--dataset csv --table {table}`"
    )
    return 0


def _import_lists(arguments: argparse.Namespace) -> int:
    from fgsgl.data.importing.import_lists import import_lists

    first: Path = arguments.lists[0]
    table = arguments.out or first.with_name("clips.csv")
    for line in import_lists(arguments.lists, arguments.videos or first.parent, table, arguments.classes):
        say(line)
    say(f"next: `fgsgl data check --table {table}`")
    return 0


def _import_skeletons(arguments: argparse.Namespace) -> int:
    from fgsgl.data.importing.import_skeletons import import_skeletons

    folder = arguments.out or arguments.pickle.with_suffix("")
    found = import_skeletons(arguments.pickle, folder, arguments.layout, arguments.splits, arguments.classes)
    for line in found.notes:
        say(line)
    say(f"written: {found.table}; {found.n_clips} clips; `fgsgl run --table {found.table} --methods stgcnpp posec3d`")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from fgsgl.records.protocol import default_protocol

    dataset, root = dataset_of(arguments), root_of(arguments)
    protocol = default_protocol(dataset, arguments.preset, root=root, data_seed=arguments.data_seed)
    data = protocol.data_spec(root)
    if not data.root.exists():
        raise UserError(f"no data at {data.root}; --root takes the folder of the data set")

    from fgsgl.data.cache.frame_cache import check_folder
    from fgsgl.data.check import check
    from fgsgl.data.check_report import write
    from fgsgl.util.terminal import Counter, wide_console

    workers, console = arguments.workers or os.cpu_count() or 1, wide_console()
    table, faults = _sound_part(data, workers)
    folder = check_folder(table)
    with Counter(console, "reading videos") as counter:
        found = check(
            table, data.official_counts, folder,
            faults=faults, known_twins=data.source.known_twins, workers=workers, progress=counter.update,
        )  # fmt: skip
    report = write(table, found, folder)
    for line in found.remarks:
        say(line)
    _try_skeletons(table, protocol, data, console)
    say(f"{len(table.clips)} clips, {len(found.videos)} videos, fingerprint {found.fingerprint}; report: {report}")
    _refuse(found.faults, data)
    return 0


def _try_skeletons(table: ClipTable, protocol: Protocol, data: DataSpec, console: Console) -> None:
    """Reads the joints, if the data set has any, and says why not if they cannot be read: other methods run without."""
    from fgsgl.data.prepare import load_joints
    from fgsgl.data.skeletons import has_skeletons

    if not has_skeletons(data.dataset, data.preset):
        return
    try:
        load_joints(table, protocol.num_frames, console)
    except UserError as error:
        say(f"methods that read skeletons cannot run: {error}")


def _sound_part(data: DataSpec, workers: int) -> tuple[ClipTable, tuple[Fault, ...]]:
    """The clips whose rows are sound, and the faults of the others.

    Raises:
        UserError: where no clip can be read because of them.
    """
    from fgsgl.data.faults import FaultyData

    try:
        return data.load(workers=workers), ()
    except FaultyData as error:
        if error.sound is None:
            _refuse(error.faults, data)
            raise
        return error.sound, error.faults


def _refuse(faults: Sequence[Fault], data: DataSpec) -> None:
    """Prints the faults as a table, and refuses data with any."""
    from fgsgl.data.check_report import fault_table

    if faults:
        root = data.root.parent if data.root.is_file() else data.root
        for line in fault_table(faults, root):
            say(line)
        raise UserError(f"{len(faults)} fault(s) in {data.where}; they stand above")
