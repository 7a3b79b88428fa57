"""``python benchmarks/scaling.py``: what a training step costs for more clips, more frames and larger pictures.

Each of the three grows alone through four sizes. Twice the size should cost twice the time: the table has the exponent
that fits best, 1 where the cost is linear. The time is the processor's, of the fastest of some steps; memory is the
most that a process of its own has taken. These are forked from one that has imported what is needed and computed
nothing, so the libraries that they share with it (some 200 MiB) are not counted. An epoch has as many steps as it has
batches, so its cost grows as a step's does with the clips.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from msgspec import to_builtins

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.methods.registry import get
from fgsgl.records.environment import KEEP_MEMORY, git_state, hardware, versions
from fgsgl.records.protocol import default_protocol
from fgsgl.style import STYLE
from fgsgl.testing.method_contract import BuiltMethod, loss_of
from fgsgl.util.errors import run_command

SIZES = {"clips": (4, 8, 16, 32), "frames": (4, 8, 16, 32), "pixels": (64, 96, 128, 192)}
"""Clips of a batch, frames of a clip, and side of a frame."""
MIDDLE = {"clips": 8, "frames": 8, "pixels": 112}
"""What the other two are meanwhile."""
GROWS_IN = {"clips": "batch", "frames": "clip", "pixels": "frame"}
STEPS = 3
IMPORTED = ["fgsgl.mmaction", "fgsgl.testing.method_contract"]
"""Modules that are imported once for all processes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/scaling.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--methods", nargs="+", default=["fgsgl", "tsm"], help="names (default: fgsgl tsm)")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each size (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    return run_command(lambda: measure(parser.parse_args(argv)))


def measure(arguments: argparse.Namespace) -> int:
    """Measures every size of every method in a process of its own; writes the table, the figures and a plot."""
    os.environ |= {**KEEP_MEMORY, "OMP_NUM_THREADS": "1"}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    rows, seen = [], {}
    with context.Pool(processes=1, maxtasksperchild=1) as processes:
        for method in arguments.methods:
            for what, sizes in SIZES.items():
                for size in sizes:
                    sys.stderr.write(f"{method}, {what} {size}\n")
                    shape = (method, *{**MIDDLE, what: size}.values())
                    if shape not in seen:  # two series meet in the middle
                        seen[shape] = processes.apply(_measure_one, (*shape, arguments.steps))
                    rows.append({"method": method, "what": what, "size": size, **seen[shape]})
    result = {
        "rows": rows, "middle": MIDDLE, "line": "python benchmarks/scaling.py",
        "hardware": to_builtins(hardware("cpu", 1, "none")), "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "scaling.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(result)
    (arguments.out / "scaling.md").write_text(text, encoding="utf-8")
    _plot(result, arguments.out / "scaling.png")
    sys.stdout.write(text)
    return 0


def _measure_one(method: str, clips: int, frames: int, pixels: int, steps: int) -> dict[str, float]:
    """The processor seconds of a step and the MiB of this process."""
    torch.set_num_threads(1)
    subject = BuiltMethod(get(method), default_protocol("synmg", num_frames=frames, image_size=pixels))
    batch = {name: [values[clip % len(values)] for clip in range(clips)] for name, values in subject.batch.items()}
    subject.batch = batch
    optimizer = subject.optimizer(subject.model)
    spent_s = []
    for _ in range(1 + steps):
        started_s = time.process_time()
        optimizer.zero_grad()
        loss_of(subject.model, batch).backward()
        optimizer.step()
        spent_s.append(time.process_time() - started_s)
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return {"step_s": min(spent_s[1:]), "memory_mib": memory_mib}


def _series(result: dict[str, Any], method: str, what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What grows (pixels: of a frame's area), seconds and MiB."""
    rows = [row for row in result["rows"] if row["method"] == method and row["what"] == what]
    sizes = np.array([row["size"] ** (2 if what == "pixels" else 1) for row in rows], dtype=float)
    return sizes, np.array([row["step_s"] for row in rows]), np.array([row["memory_mib"] for row in rows])


def _markdown(result: dict[str, Any]) -> str:
    middle = ", ".join(f"{size} {what}" for what, size in result["middle"].items())
    lines = [
        "# How a training step scales", "",
        f"One thread, fp32; {middle}, but for what grows. Exponent 1: linear.", "",
        "| | what grows | sizes | step, processor s | exponent | memory, MiB | MiB for each more |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for method in dict.fromkeys(row["method"] for row in result["rows"]):
        for what, sizes in SIZES.items():
            grown, step_s, memory_mib = _series(result, method, what)
            exponent = np.polyfit(np.log(grown), np.log(step_s), 1)[0]
            each_mib = np.polyfit(grown, memory_mib, 1)[0]
            each = f"{each_mib:.1f}" if what != "pixels" else f"{1000 * each_mib:.1f} for 1,000"
            name = "pixels of a side" if what == "pixels" else f"{what} of a {GROWS_IN[what]}"
            cells = [" ".join(map(str, sizes)), " ".join(f"{one:.2f}" for one in step_s), f"{exponent:.2f}"]
            cells += [" ".join(f"{one:.0f}" for one in memory_mib), each]
            lines.append(f"| {get(method).display_name} | {name} | {' | '.join(cells)} |")
    about = f"`{result['line']}`; {result['hardware']['cpu']}; torch {result['versions']['torch']}"
    lines += ["", "![Scaling](scaling.png)", "", f"{about}; commit {str(result['git_commit'])[:12]}."]
    return "\n".join(lines) + "\n"


def _plot(result: dict[str, Any], path: Path) -> None:
    """One panel for each of the three; both axes logarithmic, with a line of exponent 1."""
    with matplotlib.rc_context(fname=STYLE):
        sheet = Figure(figsize=(9, 3), layout="constrained")
        for axes, what in zip(sheet.subplots(1, 3), SIZES, strict=True):
            for method in dict.fromkeys(row["method"] for row in result["rows"]):
                grown, step_s, _ = _series(result, method, what)
                axes.loglog(grown, step_s, marker="o", label=get(method).display_name)
                axes.loglog(grown, step_s[-1] * grown / grown[-1], color="0.6", linewidth=0.8, linestyle=":")
            axes.set_xlabel(
                {"clips": "clips of a batch", "frames": "frames of a clip", "pixels": "pixels of a frame"}[what]
            )
        sheet.axes[0].set_ylabel("step, processor s")
        sheet.axes[0].legend()
        sheet.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
