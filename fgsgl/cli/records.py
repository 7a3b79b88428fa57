"""``fgsgl report``, ``contrast``, ``repro``, ``diff`` and ``submit``: what is made of the records of a board."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fgsgl.cli.options import WHAT, Commands, add_command
from fgsgl.util.command_line import file_path, path_ending, word
from fgsgl.util.errors import UserError


def add_record_commands(commands: Commands) -> None:
    """Adds ``report``, ``contrast``, ``repro``, ``diff`` and ``submit`` to the command line."""
    report = add_command(
        commands,
        "report",
        _report,
        "write a board and its figures from a folder's records, or a list of the boards in a folder",
    )
    report.add_argument(
        "folder", type=file_path, help="a board's folder, such as results/synmg-2, or one that holds boards"
    )

    contrast = add_command(commands, "contrast", _contrast, "paired differences to FG-SGL, within and over data seeds")
    contrast.add_argument(
        "folders", nargs="+", type=file_path, metavar="folder", help="boards; the first gets contrasts.{md,csv}"
    )

    again = add_command(commands, "repro", _repro, "run a cell or a row again from its record, and compare the results")
    again.add_argument("folder", type=file_path, help="the board's folder")
    again.add_argument("what", type=word, help=WHAT)
    again.add_argument("--root", type=file_path, help="the data set's folder (default: where it was when the cell ran)")
    again.add_argument(
        "--transfer-root", type=file_path, metavar="FOLDER",
        help="of a cell with --transfer: the folder of the data it was trained on (default: where it was then)",
    )  # fmt: skip
    again.add_argument("--device", help="auto, cpu, cuda or cuda:N (default: the record's)")

    diff = add_command(commands, "diff", _diff, "say what differs between two cells: settings, data, code, results")
    diff.add_argument(
        "board", nargs="?", type=file_path, metavar="folder", help="the board's folder; none with two files"
    )
    diff.add_argument("one", help=f"{WHAT}; or the file of a record")
    diff.add_argument("other", help="the cell that it is compared with")
    diff.add_argument(
        "--folder", type=file_path, help=argparse.SUPPRESS
    )  # where the folder was named before it came first

    submit = add_command(commands, "submit", _submit, "write the archive that a data set's challenge asks for")
    submit.add_argument("folder", type=file_path, help="a board's folder with a finished cell on imigue or ma52")
    submit.add_argument("what", nargs="?", type=word, help=f"{WHAT} (default: the only method of the board)")
    submit.add_argument("--cell", type=word, help=argparse.SUPPRESS)  # how a cell was named before
    submit.add_argument(
        "--root", type=file_path, help="the data set's folder (default: where it was when the cell ran)"
    )
    submit.add_argument(
        "--device", default="auto", help="to score hidden clips: auto, cpu, cuda or cuda:N (default: auto)"
    )
    submit.add_argument("--form", help="imigue: csv or 2023; ma52: test or val, the first phase's (default: the first)")
    submit.add_argument("--out", type=path_ending(".zip", ".csv"), help="the file (default: in the cell's work folder)")


def _report(arguments: argparse.Namespace) -> int:
    from fgsgl.records.ledger import load

    if not (arguments.folder / "ledger").is_dir() and any(arguments.folder.glob("*/ledger")):
        return _overview(arguments.folder)
    load(arguments.folder)  # a folder without records is refused before the imports that take seconds
    from fgsgl.report.report import show_board
    from fgsgl.util.terminal import wide_console

    return 0 if show_board(arguments.folder, wide_console()) else 1


def _overview(folder: Path) -> int:
    from fgsgl.report.overview import write_overview
    from fgsgl.util.terminal import wide_console

    console = wide_console()
    for entry in write_overview(folder):
        console.print(f"{entry.folder}: {' '.join(entry.answers) or entry.tally}", markup=False, highlight=False)
    console.print(f"boards: {folder / 'index.html'} (also README.md)", markup=False, highlight=False)
    return 0


def _contrast(arguments: argparse.Namespace) -> int:
    from fgsgl.report.contrast import markdown
    from fgsgl.report.report import write_contrasts

    print(markdown(write_contrasts(arguments.folders)), end="")
    return 0


def _repro(arguments: argparse.Namespace) -> int:
    from fgsgl.running.capacity import require_device

    if arguments.device is not None:
        require_device(arguments.device)

    from fgsgl.cli.reproduce import repro
    from fgsgl.util.terminal import wide_console

    return repro(
        arguments.folder, arguments.what, arguments.root, arguments.device, wide_console(), arguments.transfer_root
    )


def _diff(arguments: argparse.Namespace) -> int:
    from fgsgl.report.diff import show
    from fgsgl.util.terminal import wide_console

    if arguments.board is not None and arguments.folder is not None:
        raise UserError("the folder was named twice: before the cells, and by --folder; name it once")
    show(arguments.one, arguments.other, arguments.board or arguments.folder, wide_console())
    return 0


def _submit(arguments: argparse.Namespace) -> int:
    if arguments.what is not None and arguments.cell is not None:
        raise UserError("the cell was named twice: after the folder, and by --cell; name it once")
    from fgsgl.records.environment import device_environment

    os.environ.update(device_environment(arguments.device))  # before torch asks for devices
    from fgsgl.running.submission import submit
    from fgsgl.util.terminal import wide_console

    what = arguments.what or arguments.cell
    submit(arguments.folder, what, arguments.root, arguments.device, arguments.out, wide_console(), arguments.form)
    return 0
