"""The GPUs of this machine: which of them a cell gets, and whether several cells fit on one. Imports no torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.methods.cell import Cell
from fgsgl.methods.costs import SHOWN, Costs, costs
from fgsgl.records.environment import device_environment, resolve_device
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from fgsgl.methods.cell import Cell
    from fgsgl.records.record import Record

CONTEXT_MIB = 600.0
"""GPU memory that CUDA takes for each process, beside what PyTorch counts."""


def visible_gpus(environment: Mapping[str, str], folder: Path = Path("/dev")) -> tuple[str, ...]:
    """The GPUs that a process with this environment sees, as ``CUDA_VISIBLE_DEVICES`` names them."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = (name.strip() for name in given.split(","))
        return tuple(name for name in names if name and name != "-1")
    return tuple(str(index) for index in range(len(list(folder.glob("nvidia[0-9]*")))))


def require_device(device: str, devices: int = 1) -> None:
    """Refuses a device that this machine lacks, before anything is read or made.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        devices: processes of a cell, each of which needs a GPU of its own unless all run on the CPU.

    Raises:
        UserError: for an unknown device, or naming what there is.
    """
    device_environment(device)
    present, visible = visible_gpus({}), visible_gpus(os.environ)
    index = device.partition(":")[2]
    if device.startswith("cuda") and not (present if index else visible):
        resolve_device(device, devices)  # PyTorch knows GPUs that no NVIDIA driver offers; it takes seconds to ask
    elif index and int(index) >= len(present):
        raise UserError(f"--device is {device}, but this machine has {len(present)} GPU(s), counted from 0")
    elif device in ("auto", "cuda") and visible and devices > len(visible):
        raise UserError(f"--devices is {devices}, but {len(visible)} GPU(s) are visible; use fewer, or --device cpu")


def gpus_of_slot(slot: int, gpus: Sequence[str], devices: int) -> list[str]:
    """The GPUs of a slot's cell: the slots take turns.

    Args:
        slot: from 0.
        gpus: of the machine, at least one.
        devices: that a cell takes; where there are fewer it gets all.
    """
    return list(dict.fromkeys(gpus[(slot * devices + index) % len(gpus)] for index in range(devices)))


def peaks_mib(cells: Iterable[Cell], records: Iterable[Record]) -> dict[str, float]:
    """The largest memory that each of the cells' methods took of a GPU by its records, of cells of the same size."""
    sized = attrgetter("num_frames", "image_size", "batch_size", "accumulate", "size", "backbone")
    wanted = {(cell.variant.method, sized(cell.protocol)) for cell in cells}
    peaks: dict[str, float] = {}
    for record in records:
        alike = (record.method, sized(record.protocol)) in wanted
        if record.hardware.gpu and record.peak_memory_mib and alike:
            peaks[record.method] = max(peaks.get(record.method, 0.0), record.peak_memory_mib)
    return peaks


def refuse_crowding(jobs: int, devices: int, n_gpus: int, peaks: Mapping[str, float], memory_mib: float) -> None:
    """Refuses more cells at a time than the memory of the GPUs holds, as far as records tell.

    Args:
        jobs: cells at a time.
        devices: GPUs of a cell.
        n_gpus: of the machine, at least one.
        peaks: of :func:`peaks_mib`; methods without a record are not judged.
        memory_mib: of the smallest GPU.

    Raises:
        UserError: naming the method, and how many cells would fit.
    """
    together = ceil(jobs * devices / n_gpus)
    if together < 2 or not peaks:
        return
    method = max(peaks, key=peaks.__getitem__)
    each_mib = peaks[method] + CONTEXT_MIB
    if together * each_mib > memory_mib:
        fit = max(1, int(memory_mib // each_mib) * n_gpus // devices)
        raise UserError(
            f"--jobs {jobs} puts {together} cells on a GPU of {memory_mib:.0f} MiB, but a cell of {method} takes "
            f"{each_mib:.0f} MiB by its records; use --jobs {fit} or fewer"
        )


def memory_mib(gpus: Sequence[str]) -> float | None:
    """Memory of the smallest of the GPUs, as the driver's tool tells it; None where there is no such tool."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", f"--id={','.join(gpus)}"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return min(map(float, said.split()))


RESERVE_MIB = 512
"""Disk space that stays free for records, boards and other programs."""
CHECKPOINTS = 3
"""Checkpoints of a running cell: two that are kept, and the one being written."""
OPTIMIZED = 3
"""Numbers that a checkpoint holds for each trained one: itself, and two averages of its gradient."""
LOGS_MIB = 4.0
"""Log, curve, TensorBoard's events, record and predictions of a cell."""


def free_mib(folder: Path) -> float:
    """Free space on the disk of a folder that may not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / 2**20


def running_mib(cell: Cell) -> float:
    """Disk space that a cell needs while it runs; of a method that was never counted, its logs alone."""
    return CHECKPOINTS * OPTIMIZED * _weights_mib(cell) + LOGS_MIB


def kept_mib(cell: Cell, keep: str) -> float:
    """Disk space of a finished cell."""
    return (_weights_mib(cell) if keep != "none" else 0.0) + LOGS_MIB


def needed_mib(cells: Iterable[Cell], jobs: int, keep: str) -> float:
    """The most that the cells need at any time, ``jobs`` of them running."""
    cells = list(cells)
    kept = [kept_mib(cell, keep) for cell in cells]
    more = sorted((running_mib(cell) - kept_mib(cell, keep) for cell in cells), reverse=True)
    return sum(kept) + sum(more[:jobs])


def room_for(cell: Cell, running: Iterable[Cell], folder: Path) -> None:
    """Refuses a cell that would not leave the reserve free, beside what the running cells may still write.

    Raises:
        UserError: saying what is free and what is needed.
    """
    need, free = running_mib(cell) + sum(map(running_mib, running)) + RESERVE_MIB, free_mib(folder)
    if free < need:
        raise UserError(
            f"{free:.0f} MiB are free on the disk of {folder}, expected {need:.0f} MiB for the next cell and a reserve "
            f"of {RESERVE_MIB} MiB, so no further cell is started; make room: the same command goes on from here"
        )


def _weights_mib(cell: Cell) -> float:
    if cell.method.recipe is None:
        return 0.0
    counted = costs().get((cell.method.name, SHOWN[cell.protocol.size]), Costs())
    return 4 * (counted.trainable_m or 0.0) * 1e6 / 2**20
