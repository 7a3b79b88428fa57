"""Executing a plan on this machine: each cell in its own process, finished cells skipped, failed ones told apart."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fgsgl.bench import cell_main
from fgsgl.bench.cell import Cell
from fgsgl.bench.environment import KEEP_MEMORY, device_environment, git_state, require_compiler
from fgsgl.bench.ledger import Ledger
from fgsgl.bench.live import Live
from fgsgl.bench.record import write_record
from fgsgl.bench.visualizers import require_visualizer
from fgsgl.errors import UserError

POLL_S = 0.2
GRACE_S = 10.0
"""How long an interrupted cell may take to end before it is killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an experiment's files lie, and what it runs on."""

    out: Path
    """The board's folder: ``ledger/`` (records), ``work/`` (checkpoints and logs of the cells)."""
    root: Path
    """The data set's folder."""
    device: str = "auto"
    jobs: int = 1
    """Cells at a time."""
    threads: int = 1
    """CPU threads of a cell."""
    devices: int = 1
    """Processes that a training is divided over: a GPU each, or all on the CPU."""
    compile: bool = False
    """Whether visual towers are compiled."""
    visualizer: str | None = None
    """One of :data:`fgsgl.bench.visualizers.VISUALIZERS`, or None: TensorBoard alone."""

    @property
    def ledger(self) -> Ledger:
        """The board's records."""
        return Ledger(self.out / "ledger")

    def work_dir(self, cell: Cell) -> Path:
        """Checkpoints, log and progress of a cell."""
        return self.out / "work" / cell.cell_id


@dataclass(slots=True)
class _Running:
    cell: Cell
    process: subprocess.Popen
    spec: dict[str, Any]


def execute(cells: Sequence[Cell], place: Place, live: Live) -> list[Cell]:
    """Runs the cells that have no finished record, ``place.jobs`` at a time; returns those that failed.

    A cell that another command is running is waited for. Ctrl-C ends the running cells and is raised again: what is
    finished is kept, and the next call resumes the others from their last epoch.
    """
    git = git_state()
    waiting = deque(cells)
    running: list[_Running] = []
    failed: list[Cell] = []
    try:
        while waiting or running:
            for _ in range(len(waiting)):
                if len(running) == place.jobs:
                    break
                cell = waiting.popleft()
                live.started(cell)
                if _runs_elsewhere(place.work_dir(cell)):
                    live.elsewhere(cell)
                    waiting.append(cell)
                elif (record := place.ledger.get(cell.cell_id)) is not None and record.status == "done":
                    live.finished(cell, record)
                else:
                    running.append(_start(cell, place, git))
            time.sleep(POLL_S)
            for item in list(running):
                live.update(item.cell, place.work_dir(item.cell))
                if item.process.poll() is None:
                    continue
                running.remove(item)
                code = item.process.returncode  # torchrun ends by a code of its own, whatever its processes end by
                if code == cell_main.BUSY or (code and _runs_elsewhere(place.work_dir(item.cell))):
                    waiting.append(item.cell)
                    continue
                if not _finish(item, place):
                    failed.append(item.cell)
                live.finished(item.cell, place.ledger.get(item.cell.cell_id))
    except BaseException:
        _stop(running)
        raise
    return failed


def _runs_elsewhere(work_dir: Path) -> bool:
    """Whether another command's process holds the cell's lock."""
    if not work_dir.exists():
        return False
    try:
        with FileLock(work_dir / cell_main.LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _start(cell: Cell, place: Place, git: dict[str, Any]) -> _Running:
    work_dir = place.work_dir(cell)
    work_dir.mkdir(parents=True, exist_ok=True)
    devices = place.devices if cell.method.recipe else 1
    spec = {
        "variant": {"method": cell.variant.method, "name": cell.variant.name, "changes": dict(cell.variant.changes)},
        "protocol": cell.protocol.as_dict(),
        "seed": cell.seed,
        "fingerprint": cell.fingerprint,
        "text": cell.text,
        "root": str(place.root),
        "ledger": str(place.ledger.folder),
        "work_dir": str(work_dir),
        "device": place.device,
        "devices": devices,
        "threads": max(1, place.threads // devices),
        "compile": place.compile,
        "visualizer": place.visualizer,
        "git": git,
        "started_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    path = work_dir / "spec.json"
    path.write_text(json.dumps(spec, indent=1), encoding="utf-8")
    (work_dir / "progress.json").unlink(missing_ok=True)
    environment = {
        **os.environ,
        **KEEP_MEMORY,
        "OMP_NUM_THREADS": str(spec["threads"]),
        "PYTHONHASHSEED": "0",
        **device_environment(place.device),
    }
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices)]
    command = [sys.executable, *(torchrun if devices > 1 else []), "-m", "fgsgl.bench.cell_main", str(path)]
    with (work_dir / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
        )  # fmt: skip
    return _Running(cell, process, spec)


def _finish(item: _Running, place: Place) -> bool:
    """Whether the cell has its record; a process that left none gets one that says how it died."""
    record = place.ledger.get(item.cell.cell_id)
    if record is not None and (record.status == "done" or record.started_utc == item.spec["started_utc"]):
        return record.status == "done"
    code = item.process.returncode
    cause, message = ("killed", f"by signal {-code}") if code < 0 else ("error", f"exit code {code}")
    log = place.work_dir(item.cell) / "log.txt"
    write_record(place.ledger.folder, cell_main.failed_record(item.spec, cause, f"{message}; see {log}", {}))
    return False


def _stop(running: Sequence[_Running]) -> None:
    for item in running:
        item.process.terminate()
    deadline_s = time.monotonic() + GRACE_S
    for item in running:
        try:
            item.process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            item.process.kill()
            item.process.wait()


def local_place(
    out: Path,
    root: Path,
    device: str,
    jobs: int | None,
    devices: int = 1,
    compile: bool = False,
    visualizer: str | None = None,
) -> Place:
    """Two cells at a time on a CPU (its cores shared between them), unless ``jobs`` says otherwise; one at a time on
    a GPU, or where a cell takes several processes.

    Raises:
        UserError: for an unknown device, no job or process at all, one GPU for several processes, a visualizer whose
            package is not installed, or no compiler where one is asked for.
    """
    device_environment(device)
    require_visualizer(visualizer)
    if compile and device == "cpu":
        require_compiler(device)
    for name, count in (("jobs", jobs), ("devices", devices)):
        if count is not None and count < 1:
            raise UserError(f"--{name} is {count}, expected at least 1")
    if devices > 1 and device.startswith("cuda:"):
        raise UserError(f"--devices {devices} needs as many GPUs, but --device {device} is one; use --device cuda")
    cores = os.cpu_count() or 1
    on_gpu = device.startswith("cuda") or (device == "auto" and any(Path("/dev").glob("nvidia[0-9]*")))
    jobs = jobs or (1 if on_gpu or devices > 1 else min(2, cores))
    threads = max(1, cores // jobs)
    return Place(
        out=out, root=root, device=device, jobs=jobs, threads=threads, devices=devices, compile=compile,
        visualizer=visualizer,
    )  # fmt: skip
