"""A run matrix is killed again and again, wherever it is, and in the end nothing is lost, doubled or different.

`FGSGL_KILLS` says how often in all (30), `FGSGL_KILL_SEED` which moments are drawn (0).
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

KILLS = int(os.environ.get("FGSGL_KILLS", "30"))
SEED = int(os.environ.get("FGSGL_KILL_SEED", "0"))
RUN = ("-m", "fgsgl", "run", "--preset", "smoke", "--batch-size", "8", "--device", "cpu")
WHOLE = ("--methods", "fgsgl", "tsn", "--seeds", "2", "--epochs", "4")
VICTIMS = ("parent", "cell", "renderer", "decoder")
SPAN_S = {"renderer": 15.0, "decoder": 1.5, "late": 8.0}
"""How long after the start of its like a worker may be killed, and the others after an epoch was saved; else their time
follows from what a run takes."""
PATIENCE_S = 3600
"""How long anything that must happen may take."""
LOG = logging.getLogger(__name__)
_TRAINED = re.compile(r"Epoch\((train|val)\)\s+\[(\d+)\]\[(\d+)/\3\]")


def start(root: Path, out: Path, options: tuple[str, ...]) -> subprocess.Popen:
    """The command, whose output goes to a file: a pipe that nobody reads would hold it up."""
    command = [sys.executable, *RUN, *options, "--root", str(root), "--out", str(out)]
    with out.with_suffix(".said").open("ab") as said:
        return subprocess.Popen(
            command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True,
            env=os.environ | {"FGSGL_CACHE": str(out.with_name("cache"))},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip


def finish(root: Path, out: Path, options: tuple[str, ...]) -> None:
    """The command, undisturbed."""
    assert start(root, out, options).wait(PATIENCE_S) == 0, out.with_suffix(".said").read_text()


def pids(*words: str) -> list[int]:
    """What `pgrep` finds."""
    return [int(pid) for pid in subprocess.run(["pgrep", *words], capture_output=True, text=True).stdout.split()]


def records(out: Path) -> dict[str, dict[str, Any]]:
    """Records of a board by cell id."""
    return {path.stem: json.loads(path.read_text()) for path in (out / "ledger").glob("*.json")}


def done(out: Path) -> dict[str, dict[str, Any]]:
    return {cell_id: record for cell_id, record in records(out).items() if record["status"] == "done"}


def stamps(out: Path) -> dict[str, tuple[Any, ...]]:
    """What would change if a finished cell ran again."""
    return {
        cell_id: (
            record["started_utc"],
            record["times_s"],
            *((out / "ledger" / f"{cell_id}.{kind}").stat().st_mtime_ns for kind in ("json", "npz")),
        )
        for cell_id, record in done(out).items()
    }


def until(found: Callable[[], Any], process: subprocess.Popen) -> Any:
    """What is found first, or None once the command has ended."""
    deadline_s = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        if something := found():
            return something
        assert time.monotonic() < deadline_s, "it hangs"
        time.sleep(0.05)
    return None


class Matrix:
    """One run matrix that is killed, and what is seen of it."""

    def __init__(self, folder: Path, options: tuple[str, ...], draw: random.Random, span_s: float) -> None:
        self.root, self.out, self.options, self.draw = folder / "data", folder / "out", options, draw
        self.span_s = SPAN_S | {"parent": span_s, "cell": span_s}
        folder.mkdir()
        self.process: subprocess.Popen | None = None
        self.seen: dict[str, tuple[Any, ...]] = {}
        self.killed: Counter[str] = Counter()
        self.commands = 0

    @property
    def finished(self) -> bool:
        """Whether a command has ended well."""
        return self.process is not None and self.process.poll() == 0

    def kill(self, victim: str) -> None:
        """Kills one at a random moment, if the matrix is not finished before; of commands and cells every other one
        when a running cell has saved an epoch."""
        if victim in ("renderer", "decoder"):
            self._interrupt()
            shutil.rmtree(self.root if victim == "renderer" else self.out.with_name("cache"), ignore_errors=True)
        self._run()
        late = victim in ("parent", "cell") and self.draw.random() < 0.5
        look = {"parent": lambda: [self.process.pid], "cell": self._cells}.get(victim, self._workers)
        until(self._saved if late else look, self.process)
        self._sleep(self.span_s["late" if late else victim])
        found = self._saved() if late and victim == "cell" else look()
        if found and self.process.poll() is None:
            os.kill(self.draw.choice(found), signal.SIGKILL)
            self.killed[victim] += 1
        if victim == "parent":
            self.process.wait()
            self.no_orphans()
        self.look()

    def look(self) -> None:
        """No finished cell has changed since it was last looked at."""
        now = stamps(self.out)
        assert {cell_id: now.get(cell_id) for cell_id in self.seen} == self.seen
        self.seen = now

    def no_orphans(self) -> None:
        """What a killed command has started ends with it."""
        deadline_s = time.monotonic() + 60
        while (left := pids("-g", str(self.process.pid))) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        assert not left

    def end(self) -> None:
        """Lets the command finish; one that ends because a cell was killed too often is called again."""
        while not self.finished:
            self._run()
            self.process.wait(PATIENCE_S)
            self.look()

    def _run(self) -> None:
        if self.process is None or self.process.poll() is not None:
            assert self.process is None or self.process.returncode in (0, 1, -signal.SIGKILL, 130), self.said()
            self.process = start(self.root, self.out, self.options)
            self.commands += 1

    def _interrupt(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            assert self.process.wait(PATIENCE_S) in (0, 1, 130), self.said()

    def _workers(self) -> list[int]:
        return pids("-P", str(self.process.pid), "-f", "multiprocessing-fork")

    def _cells(self) -> list[int]:
        return pids("-g", str(self.process.pid), "-f", "run_cell")

    def _saved(self) -> list[int]:
        """The cells that have saved an epoch."""
        saved = [path.parent for path in self.out.glob("work/*/last_checkpoint")]
        return [pid for work_dir in saved for pid in pids("-f", f"run_cell {work_dir}")]

    def _sleep(self, most_s: float) -> None:
        deadline_s = time.monotonic() + self.draw.uniform(0, most_s)
        until(lambda: time.monotonic() > deadline_s, self.process)

    def said(self) -> str:
        """What the commands have printed."""
        return self.out.with_suffix(".said").read_text()


def resumes(log: str) -> int:
    """How often a cell went on from a checkpoint. An epoch that was validated, so saved, is never trained again."""
    validated = 0
    for kind, epoch in ((found[1], int(found[2])) for found in _TRAINED.finditer(log)):
        assert kind == "val" or epoch > validated, f"epoch {epoch} was trained again"
        validated = max(validated, epoch) if kind == "val" else validated
    return log.count("resumed epoch")


def check(out: Path, reference: dict[str, dict[str, Any]]) -> int:
    """Every planned cell has one record, equal to the undisturbed one; returns how often cells resumed."""
    planned = [row["cell_id"] for row in json.loads((out / "plan.json").read_text())["cells"]]
    found = records(out)
    assert sorted(planned) == sorted(found) == sorted(reference)
    assert all(record["status"] == "done" for record in found.values())
    for cell_id, record in found.items():
        assert record["predictions_sha256"] == reference[cell_id]["predictions_sha256"], cell_id
        for name in ("loss", "val_top1"):
            assert [row[name] for row in record["curve"]] == [row[name] for row in reference[cell_id]["curve"]]
    assert not list((out / "ledger").glob("*.tmp"))
    return sum(resumes(path.read_text()) for path in out.glob("work/*/log.txt"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "kills"), [((), KILLS - KILLS // 2), (("--ema", "0.9"), KILLS // 2)], ids=["plain", "ema"]
)
def test_killed_at_random_moments_nothing_is_lost(
    smoke: Path, tmp_path: Path, options: tuple[str, ...], kills: int
) -> None:
    options = (*WHOLE, *options)
    started_s = time.monotonic()
    finish(smoke, tmp_path / "reference", options)
    reference = done(tmp_path / "reference")
    span_s = (time.monotonic() - started_s) / 4
    draw = random.Random(SEED)
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(kills)]
    draw.shuffle(victims)
    matrices: list[Matrix] = []
    while victims or not matrices[-1].finished:
        if not matrices or matrices[-1].finished:
            matrices.append(Matrix(tmp_path / f"matrix-{len(matrices)}", options, draw, span_s))
        matrix = matrices[-1]
        before = matrix.killed.total()
        if victims:
            matrix.kill(victims[-1])
            del victims[len(victims) - (matrix.killed.total() - before) :]
        else:
            matrix.end()
        LOG.info("%.0f s: %d kills left, %d cells done", time.monotonic() - started_s, len(victims), len(matrix.seen))
    resumed = sum(check(matrix.out, reference) for matrix in matrices)
    killed = sum((matrix.killed for matrix in matrices), Counter())
    LOG.info(
        "%d kills %s in %d commands on %d matrices of %d cells; %d times a cell went on from a checkpoint",
        killed.total(), dict(killed), sum(matrix.commands for matrix in matrices), len(matrices), len(reference),
        resumed,
    )  # fmt: skip
    assert killed.total() == kills
    assert "Traceback" not in "".join(matrix.said() for matrix in matrices)


@pytest.mark.slow
def test_two_commands_share_the_work(smoke: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "out", ("--methods", "tsn", "--seeds", "3", "--epochs", "2")
    both = [start(smoke, out, options) for _ in range(2)]
    assert [process.wait(PATIENCE_S) for process in both] == [0, 0], out.with_suffix(".said").read_text()
    planned = [row["cell_id"] for row in json.loads((out / "plan.json").read_text())["cells"]]
    assert sorted(planned) == sorted(done(out))
    for path in out.glob("work/*/log.txt"):
        lines = _TRAINED.findall(path.read_text())
        assert len(lines) == len(set(lines)), "a cell was trained twice"
