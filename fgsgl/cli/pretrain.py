"""``fgsgl pretrain``: trains the small tower and the slim backbone in a process whose memory is set up before."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fgsgl.cli.options import Commands, add_command
from fgsgl.util.command_line import file_path, number
from fgsgl.util.domain import SEEDS, Numbers


def add_pretrain_command(commands: Commands) -> None:
    """Adds ``pretrain`` to the command line."""
    text = "pretrain the small tower and the slim backbone, resumably"
    pretrain = add_command(commands, "pretrain", _pretrain, text)
    pretrain.add_argument("name", choices=["synmg-tiny"])
    pretrain.add_argument("--out", type=file_path, default=Path("pretrain"), help="its folder (default: %(default)s)")
    pretrain.add_argument(
        "--minutes",
        type=number(float, Numbers(0, 1_000_000, above=True)),
        default=180.0,
        help="how long from now on (default: %(default)s)",
    )
    pretrain.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    pretrain.add_argument("--seed", type=number(int, SEEDS), default=0, help="of everything (default: %(default)s)")
    pretrain.add_argument(
        "--threads",
        type=number(int, Numbers(1, 1024)),
        default=1,
        help="CPU threads of each network (default: %(default)s)",
    )
    pretrain.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    pretrain.add_argument(
        "--export", type=file_path, metavar="FOLDER", help="only write the newest weights to this folder"
    )


def _pretrain(arguments: argparse.Namespace) -> int:
    """Becomes the process of the pretraining."""
    from fgsgl.records.environment import KEEP_MEMORY, resolve_device

    resolve_device(arguments.device)
    command = [sys.executable, "-m", "fgsgl.pretraining", "export" if arguments.export else "train"]
    command += ["--out", str(arguments.out), "--seed", str(arguments.seed), "--minutes", str(arguments.minutes)]
    command += ["--threads", str(arguments.threads), "--device", arguments.device]
    command += ["--to", str(arguments.export)] if arguments.export else []
    command += ["--resume"] if arguments.resume else []
    sys.stdout.flush()
    os.execve(sys.executable, command, {**os.environ, **KEEP_MEMORY})
