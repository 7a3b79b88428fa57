"""``python ablations/run.py --disable fgsa``: trains FG-SGL and variants of it, and says what the differences are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from fgsgl.ablations.designs import DESIGNS, AblationDesign, designs_of
from fgsgl.ablations.factors import FACTORS, simplest, variant, variant_of_settings
from fgsgl.cli.options import add_experiment_arguments, experiment_of, protocol_of
from fgsgl.methods.cell import Variant
from fgsgl.methods.registry import get
from fgsgl.records.row_key import FULL
from fgsgl.util.command_line import CommandLine, number, word
from fgsgl.util.domain import Numbers
from fgsgl.util.errors import UserError, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    arguments = build_parser().parse_args(argv)
    return run_command(lambda: list_factors() if arguments.list else ablate(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Every option."""
    parser = CommandLine(
        prog="ablations/run.py",
        description="Train FG-SGL and variants with factors switched off, under one protocol, and compare them.",
    )
    parser.add_argument(
        "--disable",
        nargs="+",
        action="append",
        default=[],
        metavar="FACTOR",
        help="factors to switch off together (see --list); may be given several times, each time one variant",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="settings to change together, such as loss_fine=3; may be given several times, each time one variant",
    )
    parser.add_argument(
        "--design",
        nargs="+",
        default=[],
        choices=list(DESIGNS),
        help="; ".join(f"{kind.name}: {kind.help}" for kind in DESIGNS.values()),
    )
    parser.add_argument(
        "--factors", nargs="+", default=[], metavar="FACTOR", help="what the design is over (default: the design's own)"
    )
    parser.add_argument("--half", action="store_true", help="half of the factorial; its aliases are printed")
    parser.add_argument(
        "--storage",
        metavar="URL",
        type=word,
        help="database for optuna-dashboard (default: <out>/work/designs.journal)",
    )
    parser.add_argument(
        "--difference",
        type=number(float, Numbers(0.01, 100)),
        default=1.0,
        help="in points, for --dry-run to plan seeds for (default: 1)",
    )
    parser.add_argument(
        "--power",
        type=number(float, Numbers(0.01, 0.999)),
        default=0.8,
        help="with which to find it (default: %(default)s)",
    )
    parser.add_argument(
        "--methods", nargs="+", default=[], metavar="METHOD", help="methods to train and show beside FG-SGL"
    )
    parser.add_argument("--beside", dest="methods", nargs="+", default=[], help=argparse.SUPPRESS)  # its old name
    parser.add_argument("--list", action="store_true", help="list all factors and leave")
    add_experiment_arguments(parser)
    return parser


def list_factors() -> int:
    """Prints every factor with its explanation and the settings behind it."""
    group = ""
    for factor in FACTORS.values():
        if factor.group != group:
            group = factor.group
            print(f"{group}:")
        print(f"  {factor.name:<20} {factor.help} ({factor.levels})")
    return 0


def ablate(arguments: argparse.Namespace) -> int:
    """Checks that the factors change the computation, then runs all variants and shows the board.

    Raises:
        UserError: for an unknown name, nothing to ablate, or factors that change nothing.
    """
    protocol = protocol_of(arguments)
    designs = designs_of(arguments.design, arguments.factors, arguments.half)
    changed = variants_of(arguments, designs)
    methods = [*arguments.methods, *(name for kind in arguments.design for name in DESIGNS[kind].methods)]
    beside = [Variant(method=get(name).name) for name in dict.fromkeys(methods)]
    experiment = experiment_of(arguments, protocol, [Variant(method="fgsgl"), *changed, *beside])

    # These take seconds to import, and a mistyped name is told before.
    from fgsgl.ablations.dashboard import open_studies
    from fgsgl.ablations.no_op_check import CheckRequest, refuse_no_op
    from fgsgl.ablations.power_plan import describe_design, describe_seeds, describe_shared_rows
    from fgsgl.data.prepare import class_names
    from fgsgl.records.ledger import Ledger
    from fgsgl.report.report import show_board_if_changed
    from fgsgl.running.experiment import committed, run
    from fgsgl.running.fit import require_transferable
    from fgsgl.running.planning import on_record
    from fgsgl.util.terminal import wide_console, working

    console = wide_console()

    def say(lines: Iterable[str]) -> None:
        for line in lines:
            console.print(line, markup=False, highlight=False)

    data, protocols = protocol.data_spec(experiment.root, experiment.transfer_root), experiment.protocols
    if protocol.unseen:  # what cannot be held out is told before the check below, which takes longer
        names = class_names(data, text=True)
        for fold in protocols:
            fold.regime.held_out(names)
    require_transferable(experiment.variants, protocol, data)
    for one in designs:
        say(describe_design(one, arguments.seeds))
    say(describe_shared_rows(designs, arguments.seeds))
    if not arguments.dry_run:
        with working(console, f"checking that each of {len(changed)} variants changes the computation"):
            refuse_no_op(CheckRequest(variants=tuple(changed), protocol=protocol, text=data.text))
    code = run(
        experiment,
        console,
        show_board_if_changed,
        designs=[one.plan_entry(fold.hash(), arguments.seeds) for fold in protocols for one in designs],
        observe=lambda cells, place: open_studies(designs, cells, place.ledger, place.out, arguments.storage),
        dry_run=arguments.dry_run,
    )
    if arguments.dry_run:
        records = on_record(Ledger(experiment.out / "ledger"), committed())
        plan = protocol.hash(), arguments.difference, arguments.power, arguments.seeds
        say(describe_seeds(designs, records, *plan))
    return code


def variants_of(arguments: argparse.Namespace, designs: Sequence[AblationDesign]) -> list[Variant]:
    """The variants of FG-SGL that are asked for, one by one and by designs, each once.

    Raises:
        UserError: for an unknown factor or setting, no variant at all, or a storage without a design.
    """
    if not (arguments.disable or arguments.set or designs):
        raise UserError(
            "nothing to ablate: name at least one factor, such as --disable fgsa (all: --list), or a --design"
        )
    if arguments.storage and not designs:
        raise UserError("--storage is where a design is shown: add --design")
    named = [variant(simplest(names)) for names in arguments.disable]
    named += [row for one in designs for row in one.variants if row.name != FULL]
    named += [variant_of_settings(given) for given in arguments.set]
    return list({one.name: one for one in named}.values())


if __name__ == "__main__":
    sys.exit(main())
