"""Where an experiment's files lie, and what it runs on."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path

from fgsgl.bench.cell import Cell
from fgsgl.bench.environment import device_environment, require_compiler
from fgsgl.bench.gpus import visible_gpus
from fgsgl.bench.ledger import Ledger
from fgsgl.bench.limits import Limits
from fgsgl.bench.visualizers import require_visualizer
from fgsgl.errors import UserError


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
    executor: str = "local"
    """One of :data:`fgsgl.bench.executors.EXECUTORS`."""
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
        raise UserError("--executor ray needs the package ray: pip install 'ray>=2.50', or this suite's extra [ray]")
    from fgsgl.bench.ray_executor import cluster_share

    share = cluster_share(device, devices)
    return jobs or share.slots, share.cpus, ()
