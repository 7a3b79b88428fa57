"""The ``fgsgl`` command. Each command imports what it needs, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import fgsgl
from fgsgl.cli.data import add_data_commands
from fgsgl.cli.doctor import add_doctor_command
from fgsgl.cli.methods import add_method_commands
from fgsgl.cli.predict import add_predict_commands
from fgsgl.cli.pretrain import add_pretrain_command
from fgsgl.cli.records import add_record_commands
from fgsgl.cli.run import add_run_commands
from fgsgl.cli.state import add_state_commands
from fgsgl.cli.text import add_text_commands
from fgsgl.util.command_line import CommandLine
from fgsgl.util.errors import run_command

FIRST_STEPS = """\
first steps:
  fgsgl run --methods fgsgl tsm --preset quick --dry-run    what a first board takes, on synthetic data
  fgsgl predict VIDEO --board results/demo                  name what a video shows, after `make demo`
  fgsgl data index FOLDER                                   begin with your own videos, a folder for each class
  fgsgl run --help                                          every option of a command
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = build_parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help()
        return 0
    arguments = parser.parse_args(argv)
    return run_command(lambda: arguments.command(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = CommandLine(
        prog="fgsgl", description="Compare and dissect micro-gesture recognizers.", epilog=FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"fgsgl {fgsgl.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    add_run_commands(commands)
    add_state_commands(commands)
    add_record_commands(commands)
    add_predict_commands(commands)
    add_method_commands(commands)
    add_data_commands(commands)
    add_text_commands(commands)
    add_pretrain_command(commands)
    add_doctor_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
