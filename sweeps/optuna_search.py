"""``python sweeps/optuna_search.py``: searches good settings on the validation split, and holds them against the
defaults."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from fgsgl.cli.options import (
    add_execution_arguments,
    add_protocol_arguments,
    data_name,
    execution_of,
    protocol_of,
    root_of,
)
from fgsgl.methods.method import Method
from fgsgl.methods.registry import get, scan
from fgsgl.records.protocol import Protocol
from fgsgl.sweeps.effort import SEEDS_PER_TRIAL, STUDY_COUNTS, TIMEOUTS_MIN, TRIAL_COUNTS
from fgsgl.sweeps.objectives import OBJECTIVES, require_objectives
from fgsgl.sweeps.samplers import PRUNERS, SAMPLERS
from fgsgl.util.command_line import CommandLine, file_path, number, word
from fgsgl.util.domain import SEED_COUNTS
from fgsgl.util.errors import UserError, run_command

TRIALS = 10
MINUTES = 10
EXAMPLES = """\
without options: in 10 minutes, 10 trials of FG-SGL's components on SynMG quick, then FG-SGL as it is and tuned, with 2
seeds each; where they do not fit, as many as do, and the same command goes on with the rest.

  python sweeps/optuna_search.py --space all --trials 80 --timeout 480 --pruner halving    a night
  python sweeps/optuna_search.py --methods fgsgl tsm --trials 20            two methods alike, 3 nested studies each
  python sweeps/optuna_search.py --all-methods --trials 20                  every method, in the space of its recipe
  python sweeps/optuna_search.py --objective macro_f1 train_s               both: the trials that no other beats
  python sweeps/optuna_search.py --storage postgresql://user@host/studies   the same command on several machines

The same command goes on where it was interrupted or killed. `optuna studies --storage <journal>` and optuna-dashboard
open the studies."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    arguments = build_parser().parse_args(argv)
    return run_command(lambda: sweep(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Every option."""
    parser = CommandLine(
        prog="sweeps/optuna_search.py",
        description="Search good settings of methods by their validation accuracy, the same way and with the same "
        "effort for each, and run them with fresh seeds beside the default settings.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what is searched")
    chosen = what.add_mutually_exclusive_group()
    chosen.add_argument("--methods", nargs="+", default=["fgsgl"], help="names from `fgsgl methods` (default: fgsgl)")
    chosen.add_argument("--method", dest="methods", nargs="+", default=["fgsgl"], help=argparse.SUPPRESS)  # old name
    chosen.add_argument("--all-methods", action="store_true", help="every method that is trained on the data set")
    what.add_argument(
        "--space",
        help="components or losses (of FG-SGL), optim (learning rate and weight decay, of every method), all, or a "
        "YAML file such as `loss_fine: {low: 0.1, high: 10, log: true}` (default: components for FG-SGL alone, else "
        "optim)",
    )
    what.add_argument(
        "--objective", nargs="+", default=["top1"], metavar="NAME",
        help=f"{', '.join(OBJECTIVES)}; several: the trials that no other beats in all, of which the best by the first "
        "one is the tuned row (default: top1)",
    )  # fmt: skip
    effort = parser.add_argument_group("how much")
    effort.add_argument(
        "--trials",
        type=number(int, TRIAL_COUNTS),
        help=f"of each study, of all commands together (default: {TRIALS})",
    )
    effort.add_argument(
        "--timeout", type=number(float, TIMEOUTS_MIN), metavar="MINUTES",
        help="nothing is started that would not end within them, judged by the cells before; the same command goes on "
        f"(default: {MINUTES} for a search of one method without --trials, else none)",
    )  # fmt: skip
    effort.add_argument(
        "--seeds-per-trial", type=number(int, SEEDS_PER_TRIAL), default=1, help="cells whose mean counts (default: 1)"
    )
    effort.add_argument(
        "--nested",
        type=number(int, STUDY_COUNTS),
        help="independent studies of each method (default: 1 for one method, 3 for several)",
    )
    effort.add_argument(
        "--seeds",
        type=number(int, SEED_COUNTS),
        help="paired seeds of the default and the tuned row (default: 2, or as many as --nested)",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--sampler", choices=list(SAMPLERS), default="tpe", help="(default: tpe)")
    how.add_argument("--pruner", choices=PRUNERS, help="(default: median; none where the objective allows none)")
    how.add_argument(
        "--storage", type=word, help="a journal file, or a database's URL, which is written beside the cells: keep "
        "its password where the driver finds it, such as ~/.pgpass (default: <out>/trials/studies.journal)"
    )  # fmt: skip
    how.add_argument(
        "--study", type=word, metavar="NAME", help="of the study (default: made of method, space and protocol)"
    )
    how.add_argument("--out", type=file_path, help="folder (default: results/local/sweep-<dataset>-<preset>)")
    how.add_argument("--dry-run", action="store_true", help="show the space and the expected time, train nothing")
    execution = parser.add_argument_group("execution")
    add_execution_arguments(execution)
    execution.add_argument("--workers", dest="jobs", type=number(int), help=argparse.SUPPRESS)  # old name of --jobs
    add_protocol_arguments(parser.add_argument_group("protocol"))
    return parser


def sweep(arguments: argparse.Namespace) -> int:
    """Runs what the options ask for."""
    protocol, execution = protocol_of(arguments), execution_of(arguments)
    methods = methods_of(arguments, protocol)

    from optuna.exceptions import StorageInternalError

    from fgsgl.sweeps.sweep import Sweep, run  # takes seconds, and a mistyped name is told before
    from fgsgl.util.terminal import wide_console

    nested = arguments.nested if arguments.nested is not None else 3 if len(methods) > 1 else 1
    out = arguments.out or Path("results/local") / f"sweep-{data_name(arguments, protocol)}"
    alone = [method.name for method in methods] == ["fgsgl"]
    look = len(methods) == 1 and arguments.trials is None
    timeout_min = arguments.timeout if arguments.timeout is not None else MINUTES if look else math.inf
    wanted = Sweep(
        methods=methods,
        protocol=protocol,
        space=arguments.space or ("components" if alone else "optim"),
        objectives=require_objectives(arguments.objective),
        trials=TRIALS if arguments.trials is None else arguments.trials,
        nested=nested,
        seeds=arguments.seeds if arguments.seeds is not None else max(2, nested),
        seeds_per_trial=arguments.seeds_per_trial,
        sampler=arguments.sampler,
        pruner=arguments.pruner,
        timeout_s=60 * timeout_min,
        out=out,
        root=root_of(arguments),
        transfer_root=arguments.transfer_root,
        storage=arguments.storage,
        study=arguments.study,
        execution=execution,
    )
    try:
        return run(wanted, wide_console(), arguments.dry_run)
    except StorageInternalError as error:
        raise UserError(
            f"--storage no longer answers: {error.__cause__ or error}; what is finished is kept, and the same command "
            "goes on from here"
        ) from None


def methods_of(arguments: argparse.Namespace, protocol: Protocol) -> tuple[Method, ...]:
    """The named methods, or all that can be trained here on the data set."""
    if not arguments.all_methods:
        return tuple(get(name) for name in dict.fromkeys(arguments.methods))
    return tuple(
        method
        for method in scan().values()
        if method.recipe and not method.unavailable and method.runs_on(protocol)
        and (method.modality != "skeleton" or _has_skeletons(protocol))
    )  # fmt: skip


def _has_skeletons(protocol: Protocol) -> bool:
    from fgsgl.data.skeletons import layout_name

    try:
        layout_name(protocol.dataset, protocol.preset)
    except UserError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
