"""The GPUs of this machine: which of them a cell gets, and whether several cells fit on one. Imports no torch."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.errors import UserError

if TYPE_CHECKING:
    from fgsgl.bench.cell import Cell
    from fgsgl.bench.record import Record

CONTEXT_MIB = 600.0
"""What CUDA takes of a GPU for each process, beside what PyTorch counts."""


def visible_gpus(environment: Mapping[str, str], folder: Path = Path("/dev")) -> tuple[str, ...]:
    """The GPUs that a process with this environment sees, as ``CUDA_VISIBLE_DEVICES`` names them."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = (name.strip() for name in given.split(","))
        return tuple(name for name in names if name and name != "-1")
    return tuple(str(index) for index in range(len(list(folder.glob("nvidia[0-9]*")))))


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
    sized = ("num_frames", "image_size", "batch_size", "accumulate", "size", "backbone")

    def size(method: str, protocol: Mapping[str, object]) -> tuple:
        full = {"accumulate": 1, "size": "quick", **protocol}  # which older records do not have
        return method, *(full[name] for name in sized)

    wanted = {size(cell.variant.method, cell.protocol.as_dict()) for cell in cells}
    peaks: dict[str, float] = {}
    for record in records:
        if record.hardware.get("gpu") and record.peak_memory_mib and size(record.method, record.protocol) in wanted:
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
