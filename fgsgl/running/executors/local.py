"""The executor of this machine: it starts a cell's process, or all that train it, and tells how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from fgsgl.records.environment import KEEP_MEMORY, device_environment
from fgsgl.records.failures import OOM_KILLED, oom_kills
from fgsgl.running.capacity import gpus_of_slot
from fgsgl.running.executors.base import GRACE_S
from fgsgl.running.executors.warm import WarmProcess, server_for
from fgsgl.training.cell_spec import FILE, CellSpec
from fgsgl.training.ranks import new_store, rank_environment, remove_store
from fgsgl.util import downloads
from fgsgl.util.files import open_to_append
from fgsgl.util.processes import FOLLOW


class Local:
    """Processes on this machine; :class:`Executor`.

    Args:
        slots: cells at a time.
        gpus: that the slots take turns on; none: a cell sees what this process sees, or what its device names.
    """

    def __init__(self, slots: int, gpus: Sequence[str] = ()) -> None:
        self.slots, self.gpus = slots, gpus
        self.started: dict[int, LocalProcess] = {}
        """The newest process of each slot."""

    def start(self, spec: CellSpec) -> LocalProcess:
        """Starts the process in the first free slot."""
        slot = next(slot for slot in range(self.slots) if self._free(slot))
        if self.gpus:
            gpus = ",".join(gpus_of_slot(slot, self.gpus, spec.devices))
            self.started[slot] = start_here(spec, {"CUDA_VISIBLE_DEVICES": gpus})
        else:
            self.started[slot] = start_forked(spec) if can_fork(spec) else start_here(spec, {})
        return self.started[slot]

    def _free(self, slot: int) -> bool:
        return slot not in self.started or self.started[slot].poll() is not None


class LocalProcess:
    """A cell's process on this machine, or the ranks that train it together; :class:`Running`.

    Args:
        ranks: its processes; the first evaluates, and writes the record.
        store: where several meet.
    """

    def __init__(self, ranks: Sequence[subprocess.Popen | WarmProcess], store: Path | None = None) -> None:
        self.ranks, self.store = ranks, store
        self.oom_kills = oom_kills()
        self.code: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative where a signal ended a process; that of want of memory where the kernel has killed
        for it since the last call, which found it alive. The first process to fail ends the others."""
        if self.code is not None:
            return self.code
        code, kills = _first_end([rank.poll() for rank in self.ranks]), oom_kills()
        if code is not None:
            self._end()
            killed = code in (-signal.SIGKILL, 1)  # 1: a cell that lost a rank or worker; its own record counts more
            self.code = OOM_KILLED if killed and kills > self.oom_kills else code
        self.oom_kills = kills
        return self.code

    def stop(self) -> None:
        """Asks all processes to end, and kills those that do not."""
        for rank in self.ranks:
            rank.terminate()
        deadline_s = time.monotonic() + GRACE_S
        for rank in self.ranks:
            try:
                rank.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                break
        self._end()

    def _end(self) -> None:
        """Kills the processes that still run, and removes what they had in common."""
        for rank in self.ranks:
            rank.kill()
            rank.wait()
            if rank.stdin is not None:
                rank.stdin.close()
        if self.store is not None:
            remove_store(self.store)


def _first_end(codes: Sequence[int | None]) -> int | None:
    """The exit code of a cell by those of its ranks, None for one that runs.

    A rank that a signal ended is what the others fail by; once the first has ended, nobody needs the others.
    """
    failed = [code for code in codes if code]
    return min(failed) if failed else codes[0]


def start_here(spec: CellSpec, environment: Mapping[str, str]) -> LocalProcess:
    """Starts a cell's process on this machine, or all of its ranks.

    Args:
        spec: as it stands in ``<work_dir>/spec.json``.
        environment: variables beside what every cell needs.
    """
    variables = {**_variables(spec), **environment}
    if spec.devices == 1:
        return LocalProcess([_start(spec, variables)])
    store = new_store()
    ranks = [rank_environment(rank, spec.devices, store) for rank in range(spec.devices)]
    return LocalProcess([_start(spec, {**variables, **rank}) for rank in ranks], store)


def can_fork(spec: CellSpec) -> bool:
    """Whether a cell may be forked from a process that has imported what it needs.

    On a GPU, compiled or trained by several, it gets a process that has imported nothing: CUDA and the compiler's
    threads do not survive a fork.
    """
    alone_on_cpu = spec.devices == 1 and not spec.compile and not spec.device.startswith("cuda")
    return alone_on_cpu and sys.platform == "linux"


def start_forked(spec: CellSpec) -> LocalProcess:
    """Starts a cell's process by a fork from the server of this process."""
    variables = _variables(spec)
    with _log(spec) as log:
        process = server_for(variables).start(spec, variables, log, fresh=lambda: _start(spec, variables))
    return LocalProcess([process])


def _variables(spec: CellSpec) -> dict[str, str]:
    return {**os.environ, **cell_environment(spec), FOLLOW: "1"}


def _log(spec: CellSpec) -> BinaryIO:
    return open_to_append(spec.work_dir / "log.txt")


def _start(spec: CellSpec, variables: Mapping[str, str]) -> subprocess.Popen:
    with _log(spec) as log:
        return subprocess.Popen(cell_command(spec), stdin=subprocess.PIPE, stdout=log, stderr=log, env=variables)


def cell_command(spec: CellSpec) -> list[str]:
    """The command line of a cell's process."""
    return [sys.executable, "-m", "fgsgl.training.run_cell", str(spec.work_dir / FILE)]


def cell_environment(spec: CellSpec) -> dict[str, str]:
    """The environment variables that a cell's process needs."""
    return {
        **KEEP_MEMORY,
        "OMP_NUM_THREADS": str(spec.threads),
        "PYTHONHASHSEED": "0",
        **device_environment(spec.device),
        **({downloads.ALLOWED: "1"} if downloads.allowed() else {}),  # a Ray worker inherits nothing from here
    }
