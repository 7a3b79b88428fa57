"""Where an experiment's files lie, and what it runs on."""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from fgsgl.methods.cell import Cell
from fgsgl.records.environment import device_environment, require_compiler
from fgsgl.records.ledger import Ledger
from fgsgl.running.capacity import visible_gpus
from fgsgl.training.mmengine_config import require_visualizer
from fgsgl.util.errors import UserError

KEEP = ("best", "last", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How far a command goes; none of it changes a result.

    Raises:
        UserError: for a limit that allows nothing.
    """

    max_hours: float | None = None
    """After which no new cell is started; None: never."""
    cell_timeout_min: float | None = None
    """After which a cell is ended; None: never."""
    retries: int = 2
    """How often a cell is started again after a failure of the infrastructure."""
    keep_checkpoints: str = "last"
    """What stays of a finished cell's checkpoints: the weights of its ``best`` epoch on the validation split, those of
    its ``last``, which are the evaluated ones, or ``none``."""
    since_s: float = field(default_factory=time.monotonic)
    """When the command began, on the monotonic clock."""

    def __post_init__(self) -> None:
        for option, value in (("max-hours", self.max_hours), ("cell-timeout", self.cell_timeout_min)):
            if value is not None and not value > 0:
                raise UserError(f"--{option} is {value:g}, expected more than 0")
        if self.retries < 0:
            raise UserError(f"--retries is {self.retries}, expected 0 or more")

    @property
    def over(self) -> bool:
        """Whether the hours are over."""
        return self.max_hours is not None and time.monotonic() - self.since_s > 3600 * self.max_hours


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
    """One of :data:`fgsgl.training.mmengine_config.VISUALIZERS`, or None: TensorBoard alone."""
    executor: str = "local"
    """One of :data:`fgsgl.running.executors.base.EXECUTORS`."""
    gpus: tuple[str, ...] = ()
    """Of this machine, for the cells to take turns on; none where the device is another or a certain one."""
    limits: Limits = field(default_factory=Limits)

    @property
    def ledger(self) -> Ledger:
        """The board's records."""
        return Ledger(self.out / "ledger")

    def work_dir(self, cell: Cell) -> Path:
        """Checkpoints, log and progress of a cell."""
        return self.out / "work" / cell.cell_id


def local_place(
    out: Path,
    root: Path,
    device: str,
    jobs: int | None,
    devices: int = 1,
    compile: bool = False,
    visualizer: str | None = None,
    executor: str = "local",
    limits: Limits | None = None,
) -> Place:
    """Two cells at a time on a CPU (its cores shared between them), unless ``jobs`` says otherwise; one on each GPU, or
    on as many as a cell takes; one where it takes several processes of a CPU. On a Ray cluster, likewise on each node.

    Raises:
        UserError: for an unknown device, no job or process at all, one GPU for several processes, a visualizer or
            executor whose package is not installed, a cluster without room for a cell, or no compiler where one is
            asked for.
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
    room = _room_on_ray if executor == "ray" else _room_here
    jobs, threads, gpus = room(device, jobs, devices)
    return Place(
        out=out, root=root, device=device, jobs=jobs, threads=threads, devices=devices, compile=compile,
        visualizer=visualizer, executor=executor, gpus=gpus, limits=limits or Limits(),
    )  # fmt: skip


def _room_here(device: str, jobs: int | None, devices: int) -> tuple[int, int, tuple[str, ...]]:
    """Cells at a time, the CPU threads of each, and the GPUs that they take turns on."""
    cores = os.cpu_count() or 1
    gpus = visible_gpus(os.environ) if device in ("auto", "cuda") else ()
    one = device.startswith("cuda") or gpus or devices > 1
    jobs = jobs or (max(1, len(gpus) // devices) if one else min(2, cores))
    return jobs, max(1, cores // jobs), gpus


def _room_on_ray(device: str, jobs: int | None, devices: int) -> tuple[int, int, tuple[str, ...]]:
    """The same of a Ray cluster, which chooses the GPUs itself."""
    if importlib.util.find_spec("ray") is None:
        raise UserError("--executor ray needs the package ray: pip install 'ray>=2.50'")
    from fgsgl.running.executors.ray import cluster_share

    share = cluster_share(device, devices)
    return jobs or share.slots, share.cpus, ()
