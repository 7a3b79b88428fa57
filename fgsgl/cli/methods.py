"""``fgsgl methods`` and ``fgsgl check-method``: what can be run, and whether a method keeps the contract."""

from __future__ import annotations

import argparse

from fgsgl.cli.options import Commands, add_command
from fgsgl.records.protocol import SIZES
from fgsgl.util.command_line import word
from fgsgl.util.errors import UserError


def add_method_commands(commands: Commands) -> None:
    """Adds ``methods`` and ``check-method`` to the command line."""
    methods = add_command(commands, "methods", _methods, "list the methods, and what each is and needs")
    methods.add_argument("method", nargs="?", type=word, help="tell everything about one method instead")
    methods.add_argument("--recipes", action="store_true", help="list the recipe of each family of methods instead")
    methods.add_argument("--measure", action="store_true", help="count parameters and FLOPs first, and write the file")

    check = add_command(commands, "check-method", _check, "check that a method keeps the contract")
    check.add_argument("method", type=word, help="a name from `fgsgl methods`")
    check.add_argument("--size", choices=SIZES, default="quick", help="of the network (default: %(default)s)")
    check.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")


def _methods(arguments: argparse.Namespace) -> int:
    from fgsgl.cli import method_counts, method_table
    from fgsgl.util.terminal import wide_console

    console = wide_console()
    if arguments.method:
        if arguments.recipes or arguments.measure:
            raise UserError("--recipes and --measure are about all methods; leave the name away")
        console.print(method_table.method_view(arguments.method))
        return 0
    if arguments.measure:
        method_counts.write(console)
    console.print(method_table.recipes_table() if arguments.recipes else method_table.methods_table())
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from fgsgl.methods.registry import get

    method = get(arguments.method)
    from fgsgl.records.environment import resolve_device

    device = resolve_device(arguments.device)

    from rich.table import Table
    from rich.text import Text

    from fgsgl.testing.method_contract import checks_of, examine
    from fgsgl.util.terminal import Counter, wide_console

    console, table, kept = wide_console(), Table("check", "", "what was seen", "promise"), True
    with Counter(console, f"checking {method.name}") as counter:
        counter.update(0, len(checks_of(method)))
        for done, outcome in enumerate(examine(method, arguments.size, device), start=1):
            kept &= outcome.ok
            mark = Text("kept", "green") if outcome.ok else Text("broken", "red")
            table.add_row(outcome.check, mark, Text(outcome.detail), Text(outcome.promise))
            counter.update(done, len(checks_of(method)))
    console.print(table)
    return 0 if kept else 1
