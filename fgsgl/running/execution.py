"""How cells are run and where their files lie. The command line reads its options from here, so what is heavy is
imported where it is needed."""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from fgsgl.training.visualizers import Visualizer, require_visualizer
from fgsgl.util.errors import UserError, nearest

if TYPE_CHECKING:
    from fgsgl.methods.cell import Cell
    from fgsgl.records.ledger import Ledger

Keep = Literal["best", "last", "none"]
ExecutorName = Literal["local", "ray"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How far a command goes. No limit changes a result.

    Raises:
        UserError: for a limit that allows nothing.
    """

    max_hours: float | None = None
    """Hours after which no new cell is started; None: never."""
    cell_timeout_min: float | None = None
    """Minutes after which a cell is ended, counted from each start; None: never."""
    retries: int = 2
    """How often a cell is started again after it was killed or its machine failed."""
    keep_checkpoints: Keep = "last"
    """Weights that stay of a finished cell: of its best epoch on the validation split, of its last (which is the
    evaluated one), or none."""
    since_s: float = field(default_factory=time.monotonic)
    """When the command began, on the monotonic clock."""

    def __post_init__(self) -> None:
        for option, value in (("max-hours", self.max_hours), ("cell-timeout", self.cell_timeout_min)):
            if value is not None and not value > 0:
                raise UserError(f"--{option} is {value:g}, expected more than 0")
        if self.retries < 0:
            raise UserError(f"--retries is {self.retries}, expected 0 or more")
        _require_one_of("keep-checkpoints", self.keep_checkpoints, get_args(Keep))

    @property
    def over(self) -> bool:
        """Whether the hours are over."""
        return self.max_hours is not None and time.monotonic() - self.since_s > 3600 * self.max_hours


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """How cells are run. Nothing in it is part of a cell's id.

    Raises:
        UserError: for an unknown device or name, no job or process at all, or one GPU for several processes.
    """

    device: str = "auto"
    """Where networks run: auto (a GPU where there is one), cpu, cuda or cuda:N."""
    jobs: int | None = None
    """Cells at a time; None: 2 on a CPU, 1 on each GPU."""
    devices: int = 1
    """Processes that train one cell together, on a GPU each or all on the CPU."""
    executor: ExecutorName = "local"
    """Where cells run: this machine, or a Ray cluster."""
    compile: bool = False
    """Compile the visual tower of vision-language methods."""
    visualizer: Visualizer | None = None
    """Service that logs go to as well, beside TensorBoard and CSV."""
    limits: Limits = field(default_factory=Limits)
    """How far the command goes."""

    def __post_init__(self) -> None:
        from fgsgl.records.environment import device_environment

        device_environment(self.device)
        for name, count in (("jobs", self.jobs), ("devices", self.devices)):
            if count is not None and count < 1:
                raise UserError(f"--{name} is {count}, expected at least 1")
        if self.devices > 1 and self.device.startswith("cuda:"):
            raise UserError(
                f"--devices {self.devices} needs as many GPUs, but --device {self.device} is one; use --device cuda"
            )
        _require_one_of("executor", self.executor, get_args(ExecutorName))
        if self.visualizer is not None:
            _require_one_of("visualizer", self.visualizer, get_args(Visualizer))


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an experiment's files lie, and the share of the machine that a cell gets."""

    out: Path
    """The board's folder: ``ledger/`` (records), ``work/`` (checkpoints and logs of the cells)."""
    root: Path
    """The data set's folder."""
    execution: Execution = field(default_factory=Execution)
    jobs: int = 1
    """Cells at a time."""
    threads: int = 1
    """CPU threads of a cell."""
    gpus: tuple[str, ...] = ()
    """GPUs of this machine that the cells take turns on; none on a CPU, on one certain GPU, or on a cluster."""

    @property
    def ledger(self) -> Ledger:
        """The board's records."""
        from fgsgl.records.ledger import Ledger

        return Ledger(self.out / "ledger")

    def work_dir(self, cell: Cell) -> Path:
        """Checkpoints, log and progress of a cell."""
        return self.out / "work" / cell.cell_id


def local_place(out: Path, root: Path, execution: Execution) -> Place:
    """The place of an experiment, with room for as many cells at a time as :attr:`Execution.jobs` says.

    Without that number: two cells on a CPU, which share its cores; one on each GPU, or on as many GPUs as a cell takes;
    one where a cell takes several processes of a CPU. On a Ray cluster the same holds on each node.

    Raises:
        UserError: for a visualizer or executor whose package is not installed, a cluster without room for a cell, or
            no compiler where one is asked for.
    """
    from fgsgl.records.environment import require_compiler

    require_visualizer(execution.visualizer)
    if execution.compile and execution.device == "cpu":
        require_compiler(execution.device)
    room = _room_on_ray(execution) if execution.executor == "ray" else _room_here(execution)
    return Place(out=out, root=root, execution=execution, jobs=room.jobs, threads=room.threads, gpus=room.gpus)


class _Room(NamedTuple):
    """Cells at a time, the CPU threads of each, and the GPUs that they take turns on."""

    jobs: int
    threads: int
    gpus: tuple[str, ...] = ()


def _room_here(execution: Execution) -> _Room:
    from fgsgl.running.capacity import visible_gpus

    cores = os.cpu_count() or 1
    gpus = visible_gpus(os.environ) if execution.device in ("auto", "cuda") else ()
    one = execution.device.startswith("cuda") or gpus or execution.devices > 1
    jobs = execution.jobs or (max(1, len(gpus) // execution.devices) if one else min(2, cores))
    return _Room(jobs, max(1, cores // jobs), gpus)


def _room_on_ray(execution: Execution) -> _Room:
    """Room on a Ray cluster, which chooses the GPUs itself."""
    if importlib.util.find_spec("ray") is None:
        raise UserError("--executor ray needs the package ray: pip install 'ray>=2.59'")
    from fgsgl.running.executors.ray import cluster_share

    share = cluster_share(execution.device, execution.devices)
    return _Room(execution.jobs or share.slots, share.cpus)


def _require_one_of(option: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise UserError(f"--{option} is {value!r}; {nearest(value, valid)}")
