"""Executing work: each cell in its own process, finished cells skipped, failed ones told apart."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fgsgl.bench import cell_main
from fgsgl.bench.environment import git_state
from fgsgl.bench.executors import Executor, Running, executor_of
from fgsgl.bench.live import Live
from fgsgl.bench.place import Place
from fgsgl.bench.record import Record, write_record
from fgsgl.bench.work import Task, Work

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class _Started:
    task: Task
    process: Running
    spec: dict[str, Any]


def execute(work: Work, place: Place, live: Live) -> None:
    """Runs the cells that have no finished record, as many at a time as the place's executor has slots.

    A cell that another command is running is waited for. Ctrl-C ends the running cells and is raised again: what is
    finished is kept, and the next call resumes the others from their last epoch.
    """
    executor, git = executor_of(place), git_state()
    running: list[_Started] = []
    try:
        while work.open or running:
            _fill(work, place, executor, git, live, running)
            time.sleep(POLL_S)
            for item in list(running):
                cell, work_dir = item.task.cell, place.work_dir(item.task.cell)
                live.update(cell, work_dir)
                code = item.process.poll()
                if code is None:
                    continue
                running.remove(item)
                # torchrun ends by a code of its own, whatever its processes end by
                if code == cell_main.BUSY or (code and _runs_elsewhere(work_dir)):
                    work.put_back(item.task)
                    continue
                record = _record(item, code, place)
                live.finished(cell, record)
                work.finished(item.task, record)
    except BaseException:
        _stop(running)
        raise


def _fill(
    work: Work, place: Place, executor: Executor, git: dict[str, Any], live: Live, running: list[_Started]
) -> None:
    """Starts cells in the free slots; each cell that waits is looked at no more than once."""
    elsewhere = []
    while len(running) < executor.slots and (task := work.take()) is not None:
        cell, work_dir = task.cell, place.work_dir(task.cell)
        live.started(cell)
        if _runs_elsewhere(work_dir):
            live.elsewhere(cell)
            elsewhere.append(task)
        elif (record := place.ledger.get(cell.cell_id)) is not None and record.status == "done":
            live.finished(cell, record)
            work.finished(task, record)
        else:
            spec = _write_spec(task, place, git)
            running.append(_Started(task, executor.start(spec, work_dir), spec))
    for task in elsewhere:
        work.put_back(task)


def _runs_elsewhere(work_dir: Path) -> bool:
    """Whether another command's process holds the cell's lock."""
    if not work_dir.exists():
        return False
    try:
        with FileLock(work_dir / cell_main.LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _write_spec(task: Task, place: Place, git: dict[str, Any]) -> dict[str, Any]:
    """Makes the cell's work folder, with the spec: all that its process is told."""
    cell, work_dir = task.cell, place.work_dir(task.cell)
    work_dir.mkdir(parents=True, exist_ok=True)
    devices = place.devices if cell.method.recipe else 1
    spec = {
        "variant": {"method": cell.variant.method, "name": cell.variant.name, "changes": dict(cell.variant.changes)},
        "protocol": cell.protocol.as_dict(),
        "seed": cell.seed,
        "fingerprint": cell.fingerprint,
        "text": cell.text,
        "trial": None if task.trial is None else dict(task.trial),
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
    (work_dir / "spec.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")
    (work_dir / "progress.json").unlink(missing_ok=True)
    return spec


def _record(item: _Started, code: int, place: Place) -> Record:
    """The cell's record; a process that left none gets one that says how it died."""
    record = place.ledger.get(item.task.cell.cell_id)
    if record is not None and (record.status == "done" or record.started_utc == item.spec["started_utc"]):
        return record
    cause, message = ("killed", f"by signal {-code}") if code < 0 else ("error", f"exit code {code}")
    log = place.work_dir(item.task.cell) / "log.txt"
    record = cell_main.failed_record(item.spec, cause, f"{message}; see {log}", {})
    write_record(place.ledger.folder, record)
    return record


def _stop(running: Sequence[_Started]) -> None:
    """Ends all at once, since each may take a while."""
    if running:
        with ThreadPoolExecutor(len(running)) as pool:
            list(pool.map(lambda item: item.process.stop(), running))
