"""``python ablations/run.py --disable fgsa``: trains FG-SGL and variants of it, and says what the differences are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ablations.factors import CONTROL_METHODS, CONTROLS, FACTORS, variant, variant_of_settings
from fgsgl.arguments import add_experiment_arguments, execution_of, out_of, protocol_of
from fgsgl.errors import UserError, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
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
        choices=["controls"],
        help="controls: everything that a claim for FG-SGL has to stand beside (linear head, module only, shuffled "
        "text, linear probe, zero-shot, TSN, TSM)",
    )
    parser.add_argument("--beside", nargs="+", default=[], metavar="METHOD", help="methods to train and show as well")
    parser.add_argument("--list", action="store_true", help="list all factors and leave")
    add_experiment_arguments(parser)
    arguments = parser.parse_args(argv)
    return run_command(lambda: list_factors() if arguments.list else ablate(arguments))


def list_factors() -> int:
    """Prints every factor with its explanation."""
    group = ""
    for factor in FACTORS.values():
        if factor.group != group:
            group = factor.group
            print(f"{group}:")
        print(f"  {factor.name:<18} {factor.help}")
    return 0


def ablate(arguments: argparse.Namespace) -> int:
    """Checks that the factors change the computation, then runs all variants and shows the board."""
    from ablations.check import refuse_no_op
    from fgsgl.bench.cell import Variant
    from fgsgl.bench.experiment import Experiment, data_root, run
    from fgsgl.bench.live import wide_console
    from fgsgl.bench.methods import get
    from fgsgl.data import sets

    sets_of_factors, methods = list(arguments.disable), list(arguments.beside)
    if arguments.design == "controls":
        sets_of_factors += CONTROLS
        methods += CONTROL_METHODS
    if not sets_of_factors and not arguments.set:
        raise UserError(
            "nothing to ablate: name at least one factor, such as --disable fgsa (all: --list), or a --design"
        )
    distinct = dict.fromkeys(tuple(dict.fromkeys(names)) for names in sets_of_factors)
    changed = [*(variant(names) for names in distinct), *(variant_of_settings(given) for given in arguments.set)]
    beside = [Variant(method=get(name).name) for name in dict.fromkeys(methods)]
    protocol = protocol_of(arguments)
    experiment = Experiment(
        variants=(Variant(method="fgsgl"), *changed, *beside),
        protocol=protocol,
        seeds=arguments.seeds,
        out=out_of(arguments, protocol),
        root=arguments.root,
        **execution_of(arguments),
    )
    console = wide_console()
    if not arguments.dry_run:
        text = sets.get(protocol.dataset).text(data_root(protocol, arguments.root))
        for one in changed:
            with console.status(f"checking that {one.name} changes the computation"):
                refuse_no_op(one, protocol, text)
    return run(experiment, console, dry_run=arguments.dry_run)


if __name__ == "__main__":
    sys.exit(main())
