"""Executors: what starts a cell's process, and tells how it ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fgsgl.bench.environment import KEEP_MEMORY, device_environment

if TYPE_CHECKING:
    from fgsgl.bench.place import Place

EXECUTORS = ("local", "ray")
GRACE_S = 10.0
"""How long a process that is to end may take before it is killed."""


class Running(Protocol):
    """A cell's process."""

    def poll(self) -> int | None:
        """Its exit code, negative where a signal ended it; None: it runs."""

    def stop(self) -> None:
        """Ends it, and returns once it has ended."""


class Executor(Protocol):
    """Starts ``python -m fgsgl.bench.cell_main <work_dir>/spec.json`` somewhere that sees the same files."""

    slots: int
    """Cells that it runs at a time."""

    def start(self, spec: dict[str, Any], work_dir: Path) -> Running:
        """Starts a cell, whose output goes to the end of ``<work_dir>/log.txt``.

        Args:
            spec: as it stands in ``<work_dir>/spec.json``.
            work_dir: of the cell.
        """


def executor_of(place: Place) -> Executor:
    """The executor that a place names.

    Raises:
        UserError: where it needs a package that is not installed, or cannot be reached.
    """
    if place.executor == "ray":
        from fgsgl.bench.ray_executor import RayExecutor

        return RayExecutor(place)
    return Local(place.jobs)


class Local:
    """Processes on this machine; :class:`Executor`."""

    def __init__(self, slots: int) -> None:
        self.slots = slots

    def start(self, spec: dict[str, Any], work_dir: Path) -> LocalProcess:
        """Starts the process, or torchrun with several."""
        environment = {**os.environ, **cell_environment(spec)}
        with (work_dir / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                cell_command(spec, work_dir), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        return LocalProcess(process)


class LocalProcess:
    """A process on this machine; :class:`Running`."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def poll(self) -> int | None:
        """Its exit code, negative where a signal ended it; None: it runs."""
        return self.process.poll()

    def stop(self) -> None:
        """Asks it to end, and kills it where it does not."""
        self.process.terminate()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def cell_command(spec: dict[str, Any], work_dir: Path) -> list[str]:
    """The command line of a cell's process."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(spec["devices"])]
    several = torchrun if spec["devices"] > 1 else []
    return [sys.executable, *several, "-m", "fgsgl.bench.cell_main", str(work_dir / "spec.json")]


def cell_environment(spec: dict[str, Any]) -> dict[str, str]:
    """The environment variables that a cell's process needs."""
    return {
        **KEEP_MEMORY,
        "OMP_NUM_THREADS": str(spec["threads"]),
        "PYTHONHASHSEED": "0",
        **device_environment(spec["device"]),
    }
