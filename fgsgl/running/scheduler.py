"""Executing work: each cell in its own process, finished cells skipped, failures classified."""

from __future__ import annotations

import datetime
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fgsgl.methods.cell import Cell
from fgsgl.records.environment import GitState, git_state
from fgsgl.records.failures import BUSY, OOM_KILLED, death
from fgsgl.records.record import INFRASTRUCTURE, RESULTS, Failed, FailureClass, Record
from fgsgl.running import capacity
from fgsgl.running.execution import Place
from fgsgl.running.executors import executor_of
from fgsgl.running.executors.base import Running
from fgsgl.running.observer import Observer
from fgsgl.running.progress import cell_label
from fgsgl.text.fgtext import shipped
from fgsgl.training import cell_progress
from fgsgl.training.cell_spec import CellSpec, Task, is_running
from fgsgl.training.outcome import failed_record
from fgsgl.util.errors import UserError

POLL_S = 0.2
TAIL_BYTES = 2**16
"""How much of a log is looked at for what ended a process."""
STOPPED = "nothing further is started, and what is finished is kept: the same command goes on from here"


def execute(work: Work, place: Place, *observers: Observer) -> None:
    """Runs the cells that have no finished record, as many at a time as the place's executor has slots.

    A cell that another command is running is waited for, and what comes of it counts here too. One that is killed, or
    whose machine fails, is tried again from its last epoch, as often as the limits allow. Where no further cell may
    start, by the hours or by the room on the disk, the running ones end, and ``work`` stays open. Ctrl-C ends the
    running cells and is raised again: what is finished is kept, and the next call resumes the others from their last
    epoch.

    Raises:
        UserError: if the disk is full, or has no room for another cell; the running cells have ended then.
    """
    session = _Session(work, place, observers)
    try:
        while session.running or (work.open and not session.closed):
            session.fill()
            time.sleep(POLL_S)
            session.collect()
    except BaseException:
        session.stop()
        raise
    finally:
        for observer in observers:
            observer.stopped()
    if session.no_room:
        raise session.no_room


@dataclass(frozen=True, slots=True)
class _Started:
    task: Task
    process: Running
    spec: CellSpec
    log_bytes: int
    """Length of the log before the process wrote to it."""
    started_s: float = field(default_factory=time.monotonic)


def _version(record: Path) -> tuple[int, int] | None:
    """What is another one whenever a record is written anew, since it is renamed into its place; None: it is gone."""
    try:
        found = record.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


class _Session:
    """The running cells of one call."""

    def __init__(self, work: Work, place: Place, observers: Sequence[Observer]) -> None:
        self.work, self.place, self.observers = work, place, observers
        self.executor, self.git = executor_of(place), git_state()
        self.before = {path.stem: _version(path) for path in place.ledger.folder.glob("*.json")}
        """The records that there were, each by its version: a clock that jumps does not tell old from new."""
        self.running: list[_Started] = []
        self.lost: Counter[str] = Counter()
        """Attempts at each cell that the infrastructure failed."""
        self.told: set[str] = set()
        """Cells that observers know as started: one that waits for another command is taken up again and again."""
        self.no_room: UserError | None = None

    @property
    def closed(self) -> bool:
        """Whether no further cell may start."""
        return self.no_room is not None or self.place.execution.limits.over

    def fill(self) -> None:
        """Starts cells in the free slots; each cell that waits is looked at no more than once."""
        later = []
        while len(self.running) < self.executor.slots and not self.closed and (task := self.work.take()) is not None:
            self._tell_started(task.cell)
            if is_running(self.place.work_dir(task.cell)):
                for observer in self.observers:
                    observer.waits(task.cell)
                later.append(task)
            elif (record := self._ended(task.cell)) is not None:
                self._finish(task, record)
            else:
                try:
                    capacity.room_for(task.cell, [item.task.cell for item in self.running], self.place.out)
                except UserError as error:
                    self.no_room = error
                    later.append(task)
                else:
                    self.running.append(self._start(task))
        for task in later:
            self.work.put_back(task)

    def collect(self) -> None:
        """Looks at the running cells, and settles those that have ended, or whose time is up.

        Raises:
            UserError: if one of them could not write.
        """
        for item in list(self.running):
            work_dir = self.place.work_dir(item.task.cell)
            for observer in self.observers:
                observer.runs(item.task.cell, work_dir)
            code = item.process.poll()
            if code is None:
                self._end_late(item)
                continue
            self.running.remove(item)
            # another command may have taken up the cell that was lost here
            if code == BUSY or (code and is_running(work_dir)):
                self.work.put_back(item.task)
                continue
            self._settle(item, self._record(item, code))

    def stop(self) -> None:
        """Ends the running cells, all at once, since each may take a while."""
        if self.running:
            with ThreadPoolExecutor(len(self.running)) as pool:
                list(pool.map(lambda item: item.process.stop(), self.running))

    def _ended(self, cell: Cell) -> Record | None:
        """The record of a cell that is finished, or that another command has run to a failure since this one began."""
        record = self.place.ledger.get(cell.cell_id)
        if record is None or record.status == "done":
            return record
        version = _version(self.place.ledger.folder / f"{cell.cell_id}.json")
        return record if _failure(record) in RESULTS and version != self.before.get(cell.cell_id) else None

    def _start(self, task: Task) -> _Started:
        work_dir = self.place.work_dir(task.cell)
        spec = spec_of(task, self.place, self.git, 1 + self.lost[task.cell.cell_id])
        spec.write()
        (work_dir / cell_progress.FILE).unlink(missing_ok=True)
        log = work_dir / "log.txt"
        log_bytes = log.stat().st_size if log.exists() else 0
        return _Started(task, self.executor.start(spec), spec, log_bytes)

    def _end_late(self, item: _Started) -> None:
        limit_min = self.place.execution.limits.cell_timeout_min
        if limit_min is None or time.monotonic() - item.started_s < 60 * limit_min:
            return
        item.process.stop()
        self.running.remove(item)
        late = f"ended after {limit_min:g} minutes (--cell-timeout)"
        self._finish(item.task, item.spec.record() or self._failed(item, "time_limit", late))

    def _record(self, item: _Started, code: int) -> Record:
        """The cell's record; a process that left none gets one that says how it died."""
        record = item.spec.record()
        if record is not None and not (code == OOM_KILLED and _failure(record) in INFRASTRUCTURE):
            return record
        return self._failed(item, *death(code, self._said(item)))

    def _said(self, item: _Started) -> str:
        """The end of what the process wrote; nothing where its work folder was deleted."""
        try:
            with (self.place.work_dir(item.task.cell) / "log.txt").open("rb") as log:
                log.seek(item.log_bytes)
                return log.read()[-TAIL_BYTES:].decode(errors="replace")
        except OSError:
            return ""

    def _failed(self, item: _Started, cause: FailureClass, message: str) -> Failed:
        log = self.place.work_dir(item.task.cell) / "log.txt"
        record = failed_record(item.spec, cause, f"{message}; see {log}", {})
        record.write(self.place.ledger.folder)
        return record

    def _settle(self, item: _Started, record: Record) -> None:
        """Tries the cell again where that may help, else tells everyone how it ended."""
        cell = item.task.cell
        if _failure(record) in INFRASTRUCTURE and self.lost[cell.cell_id] < self.place.execution.limits.retries:
            self.lost[cell.cell_id] += 1
            for observer in self.observers:
                observer.retried(cell, record, self.place.execution.limits.retries)
            self.work.put_back(item.task)
            return
        self._finish(item.task, record)
        if isinstance(record, Failed) and record.failure.kind == "unwritable":
            raise UserError(f"{cell_label(cell)}: {record.failure.message}; {STOPPED}")

    def _tell_started(self, cell: Cell) -> None:
        if cell.cell_id not in self.told:
            self.told.add(cell.cell_id)
            for observer in self.observers:
                observer.started(cell)

    def _finish(self, task: Task, record: Record) -> None:
        self.told.discard(task.cell.cell_id)
        for observer in self.observers:
            observer.finished(task.cell, record)
        self.work.finished(task, record)


def _from_anywhere(text: str) -> str:
    """An FG-Text's name, or the absolute path of its file: the board predicts from other folders too."""
    return str(Path(text).absolute()) if text and text not in shipped() else text


def spec_of(task: Task, place: Place, git: GitState, attempt: int) -> CellSpec:
    """All that a cell's process is told.

    Args:
        task: the cell, and its trial.
        place: where it runs, and on what.
        git: the source tree as it was when the command began.
        attempt: how often the cell will have been started, from 1.
    """
    cell, execution = task.cell, place.execution
    devices = execution.devices if cell.method.recipe else 1
    return CellSpec(
        variant=cell.variant,
        protocol=cell.protocol,
        seed=cell.seed,
        fingerprint=cell.fingerprint,
        text=_from_anywhere(cell.text),
        trained_text=_from_anywhere(cell.trained_text),
        skeletons=cell.skeletons,
        trial=task.trial,
        root=place.root.absolute(),
        transfer_root=place.transfer_root.absolute() if place.transfer_root else None,
        ledger=place.ledger.folder,
        work_dir=place.work_dir(cell),
        device=execution.device,
        devices=devices,
        threads=max(1, place.threads // devices),
        compile=execution.compile,
        visualizer=execution.visualizer,
        keep_checkpoints=execution.limits.keep_checkpoints,
        git=git,
        attempt=attempt,
        started_utc=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _failure(record: Record) -> FailureClass | None:
    return record.failure.kind if isinstance(record, Failed) else None


class Work(Protocol):
    """A source of cells for :func:`execute`."""

    @property
    def open(self) -> bool:
        """Whether anything is left to take, or to wait for."""

    def take(self) -> Task | None:
        """The next cell that may start now; None: none now."""

    def put_back(self, task: Task) -> None:
        """Takes a cell back that runs in another command, or is to be tried again; it is asked for later."""

    def finished(self, task: Task, record: Record) -> None:
        """Learns how a cell ended."""


class Plan:
    """A fixed list of cells, in order; :class:`Work`."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self.waiting = deque(Task(cell=cell) for cell in cells)
        self.failed: list[Cell] = []

    @property
    def open(self) -> bool:
        """Whether a cell waits."""
        return bool(self.waiting)

    def take(self) -> Task | None:
        """The cell that has waited longest."""
        return self.waiting.popleft() if self.waiting else None

    def put_back(self, task: Task) -> None:
        """Lets a cell wait behind the others."""
        self.waiting.append(task)

    def finished(self, task: Task, record: Record) -> None:
        """Keeps the cells that failed."""
        if record.status != "done":
            self.failed.append(task.cell)
