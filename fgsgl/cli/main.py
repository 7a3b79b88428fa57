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


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = build_parser().parse_args(argv)
    return run_command(lambda: arguments.command(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = CommandLine(prog="fgsgl", description="Compare and dissect micro-gesture recognizers.")
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
