"""Command-line options that several entry points share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fgsgl.records.protocol import SAMPLINGS, SIZES, Protocol, default_protocol
from fgsgl.running.execution import KEEP, Limits
from fgsgl.running.executors.base import EXECUTORS
from fgsgl.training.mmengine_config import VISUALIZERS


def add_command(
    commands: argparse._SubParsersAction, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """A command that runs a function; ``text`` is its line in the list of commands and the head of its own help."""
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function)
    return parser


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Which preset of a data set, and where it lies."""
    parser.add_argument("--preset", help="the data set's preset (default: its first)")
    parser.add_argument("--root", type=Path, help="the data set's folder (default: below $FGSGL_DATA, or data/)")
    parser.add_argument(
        "--table", dest="root", type=Path, metavar="CSV", help="with --dataset csv: the table of your clips, as --root"
    )
    parser.add_argument(
        "--data-seed", type=int, default=0, help="of generated data, or of the drawn validation (default: %(default)s)"
    )


def add_protocol_arguments(parser: argparse.ArgumentParser) -> None:
    """The data set, and what its protocol holds fixed."""
    parser.add_argument("--dataset", default="synmg", help="data set (default: %(default)s)")
    add_data_arguments(parser)
    parser.add_argument("--epochs", type=int, help="training epochs (default: the data set's)")
    parser.add_argument("--batch-size", type=int, help="clips a step (default: the protocol's)")
    parser.add_argument("--num-frames", type=int, help="frames of a clip that a recognizer sees (default: 8)")
    parser.add_argument("--image-size", type=int, help="side of a frame in pixels (default: 112)")
    parser.add_argument("--backbone", help="open_clip model of the vision-language methods (default: synmg-tiny)")
    parser.add_argument("--pretrained", help="its weights: a tag of open_clip's, or a file (default: synmg-tiny)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out clips whose video cannot be read")
    parser.add_argument("--size", choices=SIZES, help="of every method: quick for two cores, standard for a GPU")
    parser.add_argument("--accumulate", type=int, help="parts that a step's batch is computed in (default: 1)")
    parser.add_argument("--sampling", choices=SAMPLINGS, help="of training clips (default: plain)")
    parser.add_argument("--label-smoothing", type=float, help="share of a label spread over all classes (default: 0)")
    parser.add_argument("--logit-adjustment", type=float, help="power of the class shares divided out (default: 0)")
    parser.add_argument("--ema", type=float, help="decay of the moving average of the weights (default: 0, none)")
    parser.add_argument("--views", type=int, help="choices of frames that a test clip is scored with (default: 1)")
    parser.add_argument(
        "--patience", type=int, help="epochs without gain on validation that end a training (default: 0, never)"
    )


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``fgsgl run``, the ablations and the sweeps have in common."""
    add_protocol_arguments(parser)
    parser.add_argument("--seeds", type=int, default=1, help="number of paired seeds 0..n-1 (default: %(default)s)")
    add_execution_arguments(parser, "--jobs")
    parser.add_argument("--out", type=Path, help="the board's folder (default: results/local/<dataset>-<preset>)")
    parser.add_argument("--dry-run", action="store_true", help="list the cells and the expected time, train nothing")


def add_execution_arguments(parser: argparse.ArgumentParser, *jobs: str) -> None:
    """How cells are run, which is no part of a cell's id; ``jobs`` are the names of the option that says how many at a
    time."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument(*jobs, dest="jobs", type=int, help="cells at a time (default: 2 on a CPU, 1 on each GPU)")
    parser.add_argument(
        "--devices", type=int, default=1, help="GPUs that train a cell, or processes on a CPU (default: 1)"
    )
    parser.add_argument(
        "--executor", choices=EXECUTORS, default="local", help="what cells run on (default: %(default)s)"
    )
    parser.add_argument("--compile", action="store_true", help="compile the visual tower of vision-language methods")
    parser.add_argument("--visualizer", choices=list(VISUALIZERS), help="log there as well, beside TensorBoard and CSV")
    add_limit_arguments(parser)


def add_limit_arguments(parser: argparse.ArgumentParser) -> None:
    """How far a command goes; see :class:`fgsgl.running.execution.Limits`."""
    parser.add_argument("--max-hours", type=float, help="after which no new cell is started (default: never)")
    parser.add_argument("--cell-timeout", type=float, metavar="MINUTES", help="of a cell, each time that it is started")
    parser.add_argument(
        "--retries", type=int, default=2, help="of a cell that is killed or whose machine fails (default: %(default)s)"
    )
    parser.add_argument(
        "--keep-checkpoints", choices=KEEP, default="last", help="weights that stay of a finished cell: of its best "
        "epoch on the validation split, its last, which is the evaluated one, or none (default: %(default)s)"
    )  # fmt: skip


def protocol_of(arguments: argparse.Namespace) -> Protocol:
    """The protocol that the options describe."""
    return default_protocol(
        arguments.dataset,
        arguments.preset,
        data_seed=arguments.data_seed,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        num_frames=arguments.num_frames,
        image_size=arguments.image_size,
        backbone=arguments.backbone,
        pretrained=arguments.pretrained,
        skip_bad=arguments.skip_bad,
        size=arguments.size,
        accumulate=arguments.accumulate,
        sampling=arguments.sampling,
        label_smoothing=arguments.label_smoothing,
        logit_adjustment=arguments.logit_adjustment,
        ema=arguments.ema,
        views=arguments.views,
        patience=arguments.patience,
    )


def execution_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options of :func:`add_execution_arguments` say."""
    names = ("device", "jobs", "devices", "compile", "visualizer", "executor")
    limits = Limits(
        max_hours=arguments.max_hours,
        cell_timeout_min=arguments.cell_timeout,
        retries=arguments.retries,
        keep_checkpoints=arguments.keep_checkpoints,
    )
    return {**{name: getattr(arguments, name) for name in names}, "limits": limits}


def out_of(arguments: argparse.Namespace, protocol: Protocol) -> Path:
    """The board's folder. The default is apart from the committed boards, whose cells would not be trained again."""
    return arguments.out or Path("results/local") / f"{protocol.dataset}-{protocol.preset}"
