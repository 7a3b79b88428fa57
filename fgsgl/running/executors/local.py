"""Executors: what starts a cell's process, and tells how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fgsgl.records.environment import KEEP_MEMORY, device_environment
from fgsgl.records.failures import OOM_KILLED, oom_kills
from fgsgl.running.capacity import gpus_of_slot
from fgsgl.running.executors.base import GRACE_S
from fgsgl.training.cell_spec import FILE, CellSpec
from fgsgl.util.processes import FOLLOW

if TYPE_CHECKING:
    pass


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
        gpus = ",".join(gpus_of_slot(slot, self.gpus, spec.devices)) if self.gpus else None
        self.started[slot] = start_here(spec, {} if gpus is None else {"CUDA_VISIBLE_DEVICES": gpus})
        return self.started[slot]

    def _free(self, slot: int) -> bool:
        return slot not in self.started or self.started[slot].process.poll() is not None


class LocalProcess:
    """A process on this machine; :class:`Running`."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.oom_kills = oom_kills()

    def poll(self) -> int | None:
        """Its exit code, negative where a signal ended it; that of want of memory where the kernel has killed for it
        since the last call, which found it alive."""
        code, kills = self.process.poll(), oom_kills()
        if code is not None:
            self._end_followers()
        killed = code in (-signal.SIGKILL, 1)  # 1: torchrun, or a cell that lost a worker; its own record counts more
        if killed and kills > self.oom_kills:
            return OOM_KILLED
        self.oom_kills = kills
        return code

    def stop(self) -> None:
        """Asks it to end, and kills it where it does not."""
        self.process.terminate()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._end_followers()

    def _end_followers(self) -> None:
        """Ends the processes that a killed torchrun leaves behind; see :mod:`fgsgl.util.processes`."""
        if self.process.stdin is not None:
            self.process.stdin.close()


def start_here(spec: CellSpec, environment: Mapping[str, str]) -> LocalProcess:
    """Starts a cell's process on this machine, or torchrun with several.

    Args:
        spec: as it stands in ``<work_dir>/spec.json``.
        environment: variables beside what every cell needs.
    """
    variables = {**os.environ, **cell_environment(spec), FOLLOW: "1", **environment}
    with (spec.work_dir / "log.txt").open("ab") as log:
        process = subprocess.Popen(cell_command(spec), stdin=subprocess.PIPE, stdout=log, stderr=log, env=variables)
    return LocalProcess(process)


def cell_command(spec: CellSpec) -> list[str]:
    """The command line of a cell's process."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(spec.devices)]
    several = torchrun if spec.devices > 1 else []
    return [sys.executable, *several, "-m", "fgsgl.training.run_cell", str(spec.work_dir / FILE)]


def cell_environment(spec: CellSpec) -> dict[str, str]:
    """The environment variables that a cell's process needs."""
    return {
        **KEEP_MEMORY,
        "OMP_NUM_THREADS": str(spec.threads),
        "PYTHONHASHSEED": "0",
        **device_environment(spec.device),
    }
