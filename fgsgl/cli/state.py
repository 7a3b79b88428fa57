"""``fgsgl status``, ``why`` and ``retry``: how the cells of a folder stand, and running failed ones again."""

from __future__ import annotations

import argparse

from fgsgl.cli.options import WHAT, Commands, add_command, add_execution_arguments, execution_of
from fgsgl.util.command_line import file_path, word
from fgsgl.util.errors import UserError


def add_state_commands(commands: Commands) -> None:
    """Adds ``status``, ``why`` and ``retry`` to the command line."""
    status = add_command(commands, "status", _status, "show which cells are done, running, failed or waiting")
    status.add_argument("folder", type=file_path, help="of a board or a sweep")
    status.add_argument("--watch", action="store_true", help="again and again until nothing runs or waits, or Ctrl-C")

    why = add_command(commands, "why", _why, "say how a cell stands and why, and what to do")
    why.add_argument("folder", type=file_path, help="of a board or a sweep")
    why.add_argument("cell", type=word, metavar="what", help=WHAT)

    retry = add_command(commands, "retry", _retry, "run failed cells again, each from its last saved epoch")
    retry.add_argument("folder", type=file_path, help="the board's folder")
    retry.add_argument("what", nargs="?", type=word, help=f"{WHAT}, of which the failed cells are run again")
    retry.add_argument("--failed", action="store_true", help="all failed cells")
    retry.add_argument("--class", dest="classes", nargs="+", default=[], metavar="CLASS", help="only such failures")
    add_execution_arguments(retry)


def _status(arguments: argparse.Namespace) -> int:
    from fgsgl.running.status import show
    from fgsgl.util.terminal import wide_console

    show(arguments.folder, wide_console(), arguments.watch)
    return 0


def _why(arguments: argparse.Namespace) -> int:
    from fgsgl.running.explain import explain
    from fgsgl.util.terminal import wide_console

    explain(arguments.folder, arguments.cell, wide_console())
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    if not arguments.failed and arguments.what is None:
        raise UserError("which cells are run again? Name a row or a cell after the folder, or give --failed for all")
    execution = execution_of(arguments)

    from fgsgl.report.report import show_board
    from fgsgl.running.retry import retry
    from fgsgl.util.terminal import wide_console

    return retry(arguments.folder, arguments.what, arguments.classes, execution, wide_console(), show_board)
