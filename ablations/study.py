"""``python ablations/study.py``: everything that the boards in ``results/`` rest on, part by part.

Each part is a command that anyone can type, prints as such, and goes on from its records: what is done is not run
again.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

from fgsgl.data import datasets
from fgsgl.data.synmg.clips import plan
from fgsgl.data.synmg.presets import get_preset
from fgsgl.data.synmg.programs import CLASSES
from fgsgl.methods.registry import scan
from fgsgl.util.command_line import CommandLine
from fgsgl.util.errors import UserError, nearest, run_command

OUT = "results/synmg-2"
FIELD_SEEDS, SEEDS, REGIME_SEEDS = 3, 8, 5
UNSEEN, FOLDS = 5, 3
SHOTS = (1, 2, 4, 8, 16)
PASSED_ON = {"jobs": "cells at a time", "device": "cpu, cuda or cuda:1"}
_CHOICE = (
    "--set", "fine_from_video=false", "--set", "loss_fine=1", "--set", "loss_fine=10", "--set", "stage=0.33",
    "--set", "schedule=joint", "--data-seed", "7", "--unseen", str(UNSEEN), "--fold", "3", "--no-ceilings",
)  # fmt: skip
"""FG-SGL's defaults beside what they were chosen from: on other people, with other classes held out than any board."""
BESIDE = ("linear_probe", "tsm", "vificlip_lora", "zero_shot_names")
"""Methods that stand beside FG-SGL in the regimes: a probe, a network of frames, a tuned tower, and no training."""


@dataclass(frozen=True, slots=True)
class Part:
    """One command of the study."""

    name: str
    module: str
    """``fgsgl`` or ``fgsgl.ablations.run``."""
    arguments: tuple[str, ...]

    def command(self, more: Sequence[str]) -> list[str]:
        """The words that a person would type in a checkout to run this part."""
        program = ["fgsgl"] if self.module == "fgsgl" else ["python", "ablations/run.py"]
        return [*program, *self.arguments, *more]


def parts() -> tuple[Part, ...]:
    """All parts, in the order in which they run: what the others are read against comes first."""
    return tuple(_parts())


def _parts() -> Iterator[Part]:
    field = [method.name for method in scan().values() if method.kind == "method" and not method.unavailable]
    seeds = ("--seeds", str(FIELD_SEEDS))
    yield _ablation("choice", "choice", *_CHOICE, "--seeds", str(FIELD_SEEDS))
    yield _ablation("main", "", "--disable", "fgsa", "--methods", *BESIDE, "--seeds", str(SEEDS))
    yield _regime("unseen", "--unseen", str(UNSEEN), "--folds", str(FOLDS))
    yield Part("field", "fgsgl", ("run", "--methods", *field, *seeds, "--out", f"{OUT}/field"))
    for shots in SHOTS:
        yield _regime("shots", "--shots", str(shots), "--epochs", str(_epochs_of(shots)))
    yield _regime("long-tail", "--long-tail", "50")
    yield _ablation("ablation", "", "--design", "one-out", "losses", "dimensions", "controls", "--seeds", str(SEEDS))
    yield _ablation("factorial", "", "--design", "factorial", "--seeds", str(SEEDS))
    start = ("--disable", "fgsa", "--methods", *BESIDE, *seeds)
    yield _ablation("motion-tower", "motion-tower", *start, "--pretrained", "synmg-tiny-motion")
    yield _ablation("frames-16", "frames-16", *start, "--num-frames", "16")
    for data_seed in ("1", "2"):
        yield _ablation("data-seeds", f"data-seed-{data_seed}", *start, "--data-seed", data_seed)


def _ablation(name: str, folder: str, *arguments: str) -> Part:
    return Part(name, "fgsgl.ablations.run", (*arguments, "--out", f"{OUT}/{folder}".rstrip("/")))


def _regime(name: str, *arguments: str) -> Part:
    design = ("--design", "regimes", *arguments, "--methods", *BESIDE, "--seeds", str(REGIME_SEEDS))
    return _ablation(name, name, *design)


def _epochs_of(shots: int) -> int:
    """Epochs over ``shots`` clips a class that are about as many steps as the preset's over all its clips."""
    clips = sum(clip.split == "train" for clip in plan(get_preset("quick"), 0))
    epochs = int(datasets.get("synmg").presets["quick"]["epochs"])
    return max(1, round(epochs * clips / (shots * len(CLASSES))))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    arguments = build_parser().parse_args(argv)
    more = [word for name in PASSED_ON if (value := getattr(arguments, name)) for word in (f"--{name}", value)]
    more += ["--dry-run"] if arguments.dry_run else []
    if arguments.page:
        return run_command(_page)
    return run_command(lambda: _study(arguments.only, more, arguments.list))


def build_parser() -> argparse.ArgumentParser:
    """Every option."""
    parser = CommandLine(
        prog="ablations/study.py",
        description="Run everything that the boards in results/ rest on, part by part; what is done is not run again.",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="these parts alone (see --list)")
    parser.add_argument("--list", action="store_true", help="print all commands and leave")
    parser.add_argument("--dry-run", action="store_true", help="print each part's cells and expected time")
    parser.add_argument("--page", action="store_true", help=f"write {OUT}/README.md from the boards, and leave")
    for name, meaning in PASSED_ON.items():
        parser.add_argument(f"--{name}", help=f"{meaning}; passed on to every command")
    return parser


def _page() -> int:
    from fgsgl.ablations.study_page import write  # pandas takes a second to import

    write()
    return 0


def _study(only: Sequence[str], more: Sequence[str], is_list: bool) -> int:
    """Runs the parts one after the other; the first that does not end well ends the study.

    Raises:
        UserError: for an unknown part.
    """
    every = parts()
    names = tuple(dict.fromkeys(part.name for part in every))
    for name in only:
        if name not in names:
            raise UserError(f"the study has no part {name!r}; {nearest(name, names)}")
    for part in every:
        if only and part.name not in only:
            continue
        print(f"{part.name}: {shlex.join(part.command(more))}", flush=True)
        if is_list:
            continue
        code = run_to_its_end([sys.executable, "-m", part.module, *part.arguments, *more])
        if code:
            print(f"{part.name} ended with code {code}; the same command goes on from here", file=sys.stderr)
            return code
    return 0 if is_list or "--dry-run" in more else _page()


def run_to_its_end(command: Sequence[str]) -> int:
    """Runs a command and returns its exit code. What would end this process ends the command, which keeps what it has
    done: SIGTERM and a closed terminal are passed on to it, and Ctrl-C reaches it from the terminal itself."""
    with subprocess.Popen(command) as process:

        def pass_on(number: int, _: FrameType | None) -> None:
            if number != signal.SIGINT:
                process.send_signal(number)

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
