"""The ``fgsgl`` command. Whatever is heavy is imported by the command that needs it, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import fgsgl
from fgsgl.cli.data import add_data_commands
from fgsgl.cli.options import (
    add_command,
    add_execution_arguments,
    add_experiment_arguments,
    add_protocol_arguments,
    execution_of,
    out_of,
    protocol_of,
)
from fgsgl.cli.text import add_text_commands
from fgsgl.records.protocol import SIZES
from fgsgl.util.errors import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = build_parser().parse_args(argv)
    return run_command(lambda: arguments.command(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = argparse.ArgumentParser(prog="fgsgl", description="Compare and dissect micro-gesture recognizers.")
    parser.add_argument("--version", action="version", version=f"fgsgl {fgsgl.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    run = add_command(commands, "run", _run, "train and evaluate methods under one protocol, then write the board")
    run.add_argument("--methods", nargs="+", help="names from `fgsgl methods` (default: fgsgl, or none with --config)")
    run.add_argument(
        "--config", nargs="+", type=Path, default=[], metavar="FILE",
        help="settings of a method, such as the best/fgsgl.yaml of a search; a row of their own beside --methods",
    )  # fmt: skip
    add_experiment_arguments(run)

    report = add_command(commands, "report", _report, "write a board and its figures from a folder's records")
    report.add_argument("folder", type=Path, help="a board's folder, such as results/synmg-quick")

    contrast = add_command(commands, "contrast", _contrast, "paired differences to FG-SGL, within and over data seeds")
    contrast.add_argument(
        "folders", nargs="+", type=Path, metavar="folder", help="boards; the first gets contrasts.{md,csv}"
    )

    _add_state_commands(commands)
    _add_record_commands(commands)

    submit = add_command(commands, "submit", _submit, "write the archive that a data set's challenge asks for")
    submit.add_argument("folder", type=Path, help="a board's folder with a finished cell on imigue or ma52")
    submit.add_argument("--cell", metavar="ID", help="which cell (default: the only method of the board)")
    submit.add_argument("--root", type=Path, help="the data set's folder (default: where it was when the cell ran)")
    submit.add_argument(
        "--device", default="auto", help="to score hidden clips: auto, cpu, cuda or cuda:N (default: auto)"
    )
    submit.add_argument("--out", type=Path, help="the archive (default: in the cell's work folder)")

    config = add_command(commands, "config", _config, "print a method's config for MMAction2's own tools/train.py")
    config.add_argument("method", nargs="?", default="fgsgl", help="a name from `fgsgl methods` (default: fgsgl)")
    add_protocol_arguments(config)
    config.add_argument("--seed", type=int, default=0, help="seed of the training (default: %(default)s)")

    methods = add_command(commands, "methods", _methods, "list the methods, and what each is and needs")
    methods.add_argument("--recipes", action="store_true", help="the recipe of each family of methods instead")
    methods.add_argument("--measure", action="store_true", help="count parameters and FLOPs anew, and write the file")
    checked = add_command(commands, "check-method", _check_method, "check that a method keeps the contract")
    checked.add_argument("method", help="a name from `fgsgl methods`")
    checked.add_argument("--size", choices=SIZES, default="quick", help="of the network (default: %(default)s)")
    checked.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    add_command(commands, "doctor", _doctor, "print versions, device, and which known breakages are cured here")

    pretrain = add_command(commands, "pretrain", _pretrain, "pretrain the small tower and the slim backbone, resumably")
    pretrain.add_argument("name", choices=["synmg-tiny"])
    pretrain.add_argument("--out", type=Path, default=Path("pretrain"), help="its folder (default: %(default)s)")
    pretrain.add_argument("--minutes", type=float, default=180.0, help="how long from now on (default: %(default)s)")
    pretrain.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    pretrain.add_argument("--seed", type=int, default=0, help="of everything (default: %(default)s)")
    pretrain.add_argument("--threads", type=int, default=1, help="CPU threads of each network (default: %(default)s)")
    pretrain.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    pretrain.add_argument("--export", type=Path, metavar="FOLDER", help="only write the newest weights to this folder")

    add_text_commands(commands)

    add_data_commands(commands)
    return parser


def _add_state_commands(commands: argparse._SubParsersAction) -> None:
    """How the cells of a folder stand, and what is done about those that failed."""
    status = add_command(commands, "status", _status, "show which cells are done, running, failed or waiting")
    status.add_argument("folder", type=Path, help="of a board or a sweep")
    status.add_argument("--watch", action="store_true", help="again and again until nothing runs or waits, or Ctrl-C")

    why = add_command(commands, "why", _why, "say how a cell stands and why, and what to do")
    why.add_argument("folder", type=Path, help="of a board or a sweep")
    why.add_argument("cell", help="the beginning of its id")

    retry = add_command(commands, "retry", _retry, "run failed cells again, each from its last saved epoch")
    retry.add_argument("folder", type=Path, help="the board's folder")
    retry.add_argument("--failed", action="store_true", required=True, help="which cells: those that failed")
    retry.add_argument("--class", dest="classes", nargs="+", default=[], metavar="CLASS", help="only such failures")
    add_execution_arguments(retry, "--jobs")


def _add_record_commands(commands: argparse._SubParsersAction) -> None:
    """What is done with single records."""
    again = add_command(commands, "repro", _repro, "run a cell or a row again from its record, and compare the results")
    again.add_argument("folder", type=Path, help="the board's folder")
    again.add_argument("what", help="the beginning of a cell's id, or a row as the board names it: 'FG-SGL w/o fgsa'")
    again.add_argument("--root", type=Path, help="the data set's folder (default: where it was when the cell ran)")
    again.add_argument("--device", help="auto, cpu, cuda or cuda:N (default: the record's)")

    diff = add_command(commands, "diff", _diff, "say what differs between two cells: settings, data, code, results")
    diff.add_argument("one", help="a record's file, or with --folder the beginning of a cell's id")
    diff.add_argument("other", help="the same of the other cell")
    diff.add_argument("--folder", type=Path, help="the board's folder that ids are looked up in")


def _run(arguments: argparse.Namespace) -> int:
    from fgsgl.methods.cell import Variant
    from fgsgl.methods.registry import get
    from fgsgl.methods.variant_file import read_configs
    from fgsgl.report.report import show_board_if_changed
    from fgsgl.running.experiment import Experiment, run
    from fgsgl.util.terminal import wide_console

    protocol = protocol_of(arguments)
    configured = read_configs(arguments.config)
    methods = arguments.methods or ([] if configured else ["fgsgl"])
    experiment = Experiment(
        variants=(*(Variant(method=get(name).name) for name in dict.fromkeys(methods)), *configured),
        protocol=protocol,
        seeds=arguments.seeds,
        out=out_of(arguments, protocol),
        root=arguments.root,
        **execution_of(arguments),
    )
    return run(experiment, wide_console(), show_board_if_changed, dry_run=arguments.dry_run)


def _report(arguments: argparse.Namespace) -> int:
    from fgsgl.report.report import show_board
    from fgsgl.util.terminal import wide_console

    show_board(arguments.folder, wide_console())
    return 0


def _contrast(arguments: argparse.Namespace) -> int:
    from fgsgl.report.contrast import markdown
    from fgsgl.report.report import write_contrasts

    print(markdown(write_contrasts(arguments.folders)), end="")
    return 0


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
    from fgsgl.report.report import show_board
    from fgsgl.running.retry import retry
    from fgsgl.util.terminal import wide_console

    return retry(arguments.folder, arguments.classes, execution_of(arguments), wide_console(), show_board)


def _repro(arguments: argparse.Namespace) -> int:
    from fgsgl.cli.reproduce import repro
    from fgsgl.util.terminal import wide_console

    return repro(arguments.folder, arguments.what, arguments.root, arguments.device, wide_console())


def _diff(arguments: argparse.Namespace) -> int:
    from fgsgl.report.diff import show
    from fgsgl.util.terminal import wide_console

    show(arguments.one, arguments.other, arguments.folder, wide_console())
    return 0


def _submit(arguments: argparse.Namespace) -> int:
    from fgsgl.records.environment import device_environment

    os.environ.update(device_environment(arguments.device))  # before torch asks for devices
    from fgsgl.running.submission import submit
    from fgsgl.util.terminal import wide_console

    submit(arguments.folder, arguments.cell, arguments.root, arguments.device, arguments.out, wide_console())
    return 0


def _config(arguments: argparse.Namespace) -> int:
    from fgsgl.training.mmengine_config import config_text

    print(config_text(arguments.method, protocol_of(arguments), arguments.seed, arguments.root), end="")
    return 0


def _methods(arguments: argparse.Namespace) -> int:
    from fgsgl.cli import methods
    from fgsgl.util.terminal import wide_console

    console = wide_console()
    if arguments.measure:
        methods.write(console)
    console.print(methods.recipes_table() if arguments.recipes else methods.methods_table())
    return 0


def _check_method(arguments: argparse.Namespace) -> int:
    from rich.table import Table
    from rich.text import Text

    from fgsgl.methods.registry import get
    from fgsgl.records.environment import resolve_device
    from fgsgl.testing.method_contract import examine
    from fgsgl.util.terminal import wide_console

    table, kept = Table("check", "", "what was seen", "promise"), True
    for outcome in examine(get(arguments.method), arguments.size, resolve_device(arguments.device)):
        kept &= outcome.ok
        mark = Text("kept", "green") if outcome.ok else Text("broken", "red")
        table.add_row(outcome.check, mark, Text(outcome.detail), Text(outcome.promise))
    wide_console().print(table)
    return 0 if kept else 1


def _doctor(arguments: argparse.Namespace) -> int:
    from fgsgl.cli.doctor import examine
    from fgsgl.util.terminal import wide_console

    wide_console().print(examine())
    return 0


def _pretrain(arguments: argparse.Namespace) -> int:
    """Becomes the pretraining's own process, whose memory is set up before it starts."""
    from fgsgl.records.environment import KEEP_MEMORY

    command = [sys.executable, "-m", "fgsgl.pretraining", "export" if arguments.export else "train"]
    command += ["--out", str(arguments.out), "--seed", str(arguments.seed), "--minutes", str(arguments.minutes)]
    command += ["--threads", str(arguments.threads), "--device", arguments.device]
    command += ["--to", str(arguments.export)] if arguments.export else []
    command += ["--resume"] if arguments.resume else []
    sys.stdout.flush()
    os.execve(sys.executable, command, {**os.environ, **KEEP_MEMORY})


if __name__ == "__main__":
    sys.exit(main())
