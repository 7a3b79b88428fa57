"""Runs command lines of ours, each in a forked process of its own with bounded time.

Started by :mod:`commands`, so that hundreds of commands pay for imports once. Reads one JSON line for each command and
answers with one. Imports no torch: threads of OpenMP do not survive a fork.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import av
import pandas as pd
import yaml

from fgsgl.ablations import run as ablations_run
from fgsgl.cli import main as fgsgl_main
from fgsgl.report.board.board import read_board
from fgsgl.report.drawing import draw, scan
from fgsgl.report.render import figure_data, html, latex, tables
from fgsgl.util.errors import run_command

assert av and pd and yaml and draw and figure_data and html and latex  # imported once, here


def show_board(argv: list[str]) -> int:
    """Prints ``leaderboard.csv``, without drawing the figures that ``fgsgl report`` draws beside it."""

    def show() -> int:
        print(tables.csv(read_board(Path(argv[0]))))
        return 0

    return run_command(show)


COMMANDS = {"fgsgl": fgsgl_main.main, "ablations/run.py": ablations_run.main, "board": show_board}
TRACEBACK = 70
"""Exit code of a command that ended in an exception of its own."""
WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"code": run(request)}), flush=True)


def run(request: dict[str, Any]) -> int | None:
    """The exit code, negative where a signal ended it; None: it did not end in time, and is killed."""
    child = os.fork()
    if child == 0:
        _command(request)
    deadline = time.monotonic() + request["limit_s"]
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _kill_group(child)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    _kill_group(child)
    os.waitpid(child, 0)
    return None


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _command(request: dict[str, Any]) -> None:
    """Never returns."""
    code = TRACEBACK
    try:
        os.setsid()
        os.chdir(request["folder"])
        said = Path(request["said"])
        for number, name, flags in ((0, os.devnull, os.O_RDONLY), (1, "stdout", WRITE), (2, "stderr", WRITE)):
            os.dup2(os.open(said / name, flags, 0o600), number)
        os.environ.clear()
        os.environ.update(request["environment"])
        if request["memory_bytes"]:
            resource.setrlimit(resource.RLIMIT_AS, (request["memory_bytes"], request["memory_bytes"]))
        if not request["figures"]:
            scan.scan = lambda package: scan.Scan(figures=(), faults=())
        sys.argv = list(request["argv"])
        code = COMMANDS[sys.argv[0]](sys.argv[1:])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    serve()
