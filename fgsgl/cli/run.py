"""``fgsgl run`` and ``fgsgl config``: train and evaluate methods, here or with MMAction2's own tools."""

from __future__ import annotations

import argparse

from fgsgl.cli.options import (
    Commands,
    add_command,
    add_experiment_arguments,
    add_protocol_arguments,
    experiment_of,
    protocol_of,
    root_of,
)
from fgsgl.util.command_line import file_path, number
from fgsgl.util.domain import SEEDS


def add_run_commands(commands: Commands) -> None:
    """Adds ``run`` and ``config`` to the command line."""
    run = add_command(commands, "run", _run, "train and evaluate methods under one protocol, then write the board")
    run.add_argument("--methods", nargs="+", help="names from `fgsgl methods` (default: fgsgl, or none with --config)")
    run.add_argument(
        "--config", nargs="+", type=file_path, default=[], metavar="FILE",
        help="settings of a method, such as the best/fgsgl.yaml of a search; each file is one more row",
    )  # fmt: skip
    add_experiment_arguments(run)

    config = add_command(commands, "config", _config, "print a method's config for MMAction2's own tools/train.py")
    config.add_argument("method", nargs="?", default="fgsgl", help="a name from `fgsgl methods` (default: fgsgl)")
    add_protocol_arguments(config)
    config.add_argument(
        "--seed", type=number(int, SEEDS), default=0, help="seed of the training (default: %(default)s)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from fgsgl.methods.cell import Variant
    from fgsgl.methods.registry import get
    from fgsgl.methods.variant_file import read_configs

    protocol, configured = protocol_of(arguments), read_configs(arguments.config)
    methods = arguments.methods or ([] if configured else ["fgsgl"])
    variants = [Variant(method=get(name).name) for name in dict.fromkeys(methods)]
    experiment = experiment_of(arguments, protocol, [*variants, *configured])

    from fgsgl.report.report import show_board_if_changed  # takes seconds, and a mistyped name is told before
    from fgsgl.running.experiment import run
    from fgsgl.util.terminal import wide_console

    return run(experiment, wide_console(), show_board_if_changed, dry_run=arguments.dry_run)


def _config(arguments: argparse.Namespace) -> int:
    from fgsgl.methods.cell import Variant
    from fgsgl.running.fit import require_buildable, require_text
    from fgsgl.training.mmengine_config import config_text

    protocol, roots = protocol_of(arguments), (root_of(arguments), arguments.transfer_root)
    data = protocol.data_spec(*roots)
    require_text([arguments.method], data)
    require_buildable([Variant(method=arguments.method)], protocol, data.text)  # as `fgsgl run` does
    print(config_text(arguments.method, protocol, arguments.seed, *roots), end="")
    return 0
