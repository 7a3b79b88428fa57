"""The training of two states of the source tree in turn: the part of ``train_throughput.py`` behind ``--against``.

Each repeat starts a process a state, which trains some steps of a cell as the harness does and tells its clips a second
and the losses. Both see the same clips in the same order.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from measuring import spread

from fgsgl.records.environment import KEEP_MEMORY
from fgsgl.util.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
APPLICATIONS = ("ablations", "baselines", "sweeps")


class Measured(NamedTuple):
    """What one process tells."""

    clips_per_s: float
    clips_per_processor_s: float
    """Which says more where others use the machine as well."""
    losses: list[float]


def export(commit: str, folder: Path) -> Path:
    """The packages of a commit, laid out as an installation has them; returns the folder to import them from.

    Raises:
        UserError: for an unknown commit.
    """
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", commit, "--", "fgsgl", *APPLICATIONS]
    answer = subprocess.run(command, capture_output=True)
    if answer.returncode:
        raise UserError(f"{commit!r:.80} is no commit of {ROOT}; name one that git knows")
    with tarfile.open(fileobj=BytesIO(answer.stdout)) as archive:
        archive.extractall(folder, filter="data")
    for name in APPLICATIONS:
        shutil.move(folder / name, folder / "fgsgl" / name)
    return folder


def in_turn(
    commit: str, methods: Sequence[str], repeats: int, threads: int, words: Sequence[str]
) -> dict[str, list[tuple[Measured, Measured]]]:
    """Measurements by method: of the commit and of this state of the tree, repeat by repeat; the first turns over.

    Args:
        commit: to compare with.
        methods: their names.
        repeats: of both states.
        threads: of a CPU.
        words: options of ``train_throughput.py`` that a process is given as well.
    """
    found: dict[str, list[tuple[Measured, Measured]]] = {}
    with tempfile.TemporaryDirectory() as name:
        before = export(commit, Path(name))
        for method in methods:
            for repeat in range(repeats):
                sys.stderr.write(f"{method}, {repeat + 1} of {repeats}\n")
                pair = {}
                for tree in (before, None)[:: 1 if repeat % 2 else -1]:
                    pair[tree] = _process(method, threads, tree, words)
                found.setdefault(method, []).append((pair[before], pair[None]))
    return found


def _process(method: str, threads: int, tree: Path | None, words: Sequence[str]) -> Measured:
    """Measures a method in a process with a cell's environment, which imports ``tree``'s packages instead of ours."""
    variables = {**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": str(threads)}
    variables |= {"PYTHONPATH": str(tree)} if tree else {}
    command = [sys.executable, str(ROOT / "benchmarks" / "train_throughput.py"), "--one", method, *words]
    answer = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        raise UserError(f"{method} could not be measured{' at the commit' if tree else ''}; its errors stand above")
    return Measured(**json.loads(answer.stdout.splitlines()[-1]))


def table(found: dict[str, list[tuple[Measured, Measured]]]) -> list[str]:
    """Lines of a Markdown table: clips a second of both, their ratio, and the largest relative difference of a loss."""
    lines = [
        "| | before, clips/s | now, clips/s | now / before | now / before by processor time | losses apart, at most |",
        "|---|---|---|---|---|---|",
    ]
    for method, pairs in found.items():
        before, now = ([pair[side].clips_per_s for pair in pairs] for side in (0, 1))
        ratios = [new.clips_per_s / old.clips_per_s for old, new in pairs]
        of_processor = [new.clips_per_processor_s / old.clips_per_processor_s for old, new in pairs]
        apart = max(abs(a / b - 1) for old, new in pairs for a, b in zip(new.losses, old.losses, strict=True))
        cells = [spread(before), spread(now), spread(ratios), spread(of_processor), f"{apart:.1e}"]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines
