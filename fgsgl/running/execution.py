"""How cells are run and where their files lie. The command line reads its options from here, so what is heavy is
imported where it is needed."""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, get_args

from fgsgl.training.visualizers import Visualizer, require_visualizer
from fgsgl.util.domain import Numbers, require_domains
from fgsgl.util.errors import UserError, nearest

if TYPE_CHECKING:
    from fgsgl.data.data_spec import DataSpec
    from fgsgl.methods.cell import Cell
    from fgsgl.records.ledger import Ledger

Keep = Literal["best", "last", "none"]
MOST_JOBS, JOBS_A_CORE = 8, 4
"""More cells at a time than the larger of 8 and 4 a core would only take each other's memory."""
ExecutorName = Literal["local", "ray"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How far a command goes. No limit changes a result.

    Raises:
        UserError: for a limit that allows nothing.
    """

    max_hours: Annotated[float | None, Numbers(0, 100_000, above=True)] = None
    """Hours after which no new cell is started; None: never."""
    cell_timeout_min: Annotated[float | None, Numbers(0, 1_000_000, above=True)] = None
    """Minutes after which a cell is ended, counted from each start; None: never."""
    retries: Annotated[int, Numbers(0, 100)] = 2
    """How often a cell is started again after it was killed or its machine failed."""
    keep_checkpoints: Keep = "last"
    """Weights that stay of a finished cell: of its best epoch on the validation split, of its last (which is the
    evaluated one), or none."""
    since_s: float = field(default_factory=time.monotonic)
    """When the command began, on the monotonic clock."""

    def __post_init__(self) -> None:
        require_domains(self, _option)
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
    jobs: Annotated[int | None, Numbers(1, 1024)] = None
    """Cells at a time; None: 2 on a CPU, 1 on each GPU."""
    devices: Annotated[int, Numbers(1, 1024)] = 1
    """Processes that train one cell together, on a GPU each or all on the CPU."""
    executor: ExecutorName = "local"
    """Where cells run: this machine, or a Ray cluster."""
    compile: bool = False
    """Compile the visual tower of vision-language methods."""
    visualizer: Visualizer | None = None
    """Service that logs go to as well, beside TensorBoard and CSV."""
    allow_download: bool = False
    """Ask the network for pretrained weights that are not on this machine."""
    limits: Limits = field(default_factory=Limits)
    """How far the command goes."""

    def __post_init__(self) -> None:
        from fgsgl.records.environment import device_environment

        device_environment(self.device)
        require_domains(self, _option)
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
    transfer_root: Path | None = None
    """The folder of the data that are trained on, where these are others."""
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


def local_place(out: Path, data: DataSpec, execution: Execution) -> Place:
    """The place of an experiment on some data, with room for as many cells at a time as :attr:`Execution.jobs` says.

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
    return Place(
        out=out, root=data.root, transfer_root=data.trained_on.root if data.trained_on else None,
        execution=execution, jobs=room.jobs, threads=room.threads, gpus=room.gpus,
    )  # fmt: skip


class _Room(NamedTuple):
    """Cells at a time, the CPU threads of each, and the GPUs that they take turns on."""

    jobs: int
    threads: int
    gpus: tuple[str, ...] = ()


def _room_here(execution: Execution) -> _Room:
    from fgsgl.running.capacity import require_device, visible_gpus

    require_device(execution.device, execution.devices)
    cores = os.cpu_count() or 1
    most = max(MOST_JOBS, JOBS_A_CORE * cores)
    if execution.jobs is not None and execution.jobs > most:
        raise UserError(f"--jobs is {execution.jobs}, expected at most {most} cells at a time on {cores} core(s)")
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


def _option(field: str) -> str:
    """The option that sets a field; ``cell_timeout_min`` is ``--cell-timeout``."""
    return "--" + field.removesuffix("_min").replace("_", "-")


def _require_one_of(option: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise UserError(f"--{option} is {value!r}; {nearest(value, valid)}")
