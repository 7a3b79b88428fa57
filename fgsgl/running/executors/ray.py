"""Cells on a Ray cluster: a cell is a Ray task with its share of a node, which runs the cell's process there.

Every machine sees the same files, so that nothing but the spec goes over the network, and progress, log and record are
read where those of a local cell are. Needs the extra ``ray``.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import ray
from ray.exceptions import OutOfMemoryError, RayError

from fgsgl.records.failures import NODE_LOST, OOM_KILLED
from fgsgl.running.executors.base import GRACE_S
from fgsgl.running.executors.local import start_here
from fgsgl.running.executors.ray_address import HERE, address_file, address_here
from fgsgl.training.cell_spec import CellSpec
from fgsgl.util.errors import UserError
from fgsgl.util.files import append

if TYPE_CHECKING:
    from fgsgl.running.execution import Place

POLL_S = 0.2
ANSWER_S = 10.0
"""How long a cluster may take to answer."""
PER_NODE = 2
"""Cells at a time on a node without GPUs, as on one machine."""
ASKS_FOR_TOKEN = (2, 59)
"""First version of Ray whose local clusters ask for a token without being told to."""
QUIET = {"logging_level": "ERROR", "log_to_driver": False}
OBJECT_STORE_BYTES = 100 * 2**20
"""Object store of a cluster started here; a cell puts nothing there but its exit code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """The share of a node that a cell gets, and how many cells get one at a time."""

    slots: int
    """Cells at a time, on all nodes together."""
    cpus: int
    gpus: int
    memory_bytes: int
    """Which Ray keeps free for it; nothing stops a cell from taking more."""


def connect() -> None:
    """Connects to the cluster of ``RAY_ADDRESS``, else to the one that this user runs on this machine; else, and where
    that variable is ``local``, starts one here.

    Raises:
        UserError: if the cluster cannot be reached, is of another version of Ray or Python, could be another user's, or
            cannot be started.
    """
    if ray.is_initialized():
        return
    given = os.environ.get("RAY_ADDRESS")
    address = given or address_here(address_file(os.environ))
    if address and address != HERE and _answers(address):
        try:
            ray.init(address=address, **QUIET)
        except (ConnectionError, RuntimeError) as error:
            raise UserError(f"the Ray cluster at {address} cannot be used from here: {error}") from None
    elif given and given != HERE:
        raise UserError(
            f"no Ray cluster answers at RAY_ADDRESS={given}, expected host:port; start one with "
            f"`ray start --head`, or set RAY_ADDRESS={HERE} to run on this machine"
        )
    else:
        _start_here()


def _start_here() -> None:
    """Starts a cluster of this machine alone, which asks everyone for a token and has no dashboard.

    Its ports are open to the network all the same: Ray replaces a loopback address by that of the machine.

    Raises:
        UserError: if it cannot be started, or would ask for no token.
    """
    if tuple(map(int, ray.__version__.split(".")[:2])) < ASKS_FOR_TOKEN:
        raise UserError(
            f"Ray {ray.__version__} would let everyone on the network run code here; expected "
            f"{'.'.join(map(str, ASKS_FOR_TOKEN))} or newer: pip install -U ray, or --executor local"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=HERE, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **QUIET)
    except Exception as error:  # Ray raises bare ones, such as that it took longer than half a minute
        raise UserError(f"Ray cannot be started on this machine: {error}; try again, or --executor local") from None


def _answers(address: str) -> bool:
    """Whether anyone listens at ``host:port``; :func:`ray.init` itself tries a dead one for a quarter of an hour."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        with socket.create_connection((parts.hostname, parts.port), ANSWER_S):
            return True
    except (OSError, ValueError):
        return False


def share_of(nodes: Sequence[dict[str, float]], device: str, devices: int) -> Share:
    """Divides nodes between cells: one for each GPU, or for as many as a cell takes; without GPUs, two on each node.

    Args:
        nodes: the resources of each, ``CPU``, ``GPU`` and ``memory`` (bytes), as Ray counts them.
        device: ``auto`` (GPUs where any node has them), ``cpu`` or ``cuda``.
        devices: processes of a cell.

    Raises:
        UserError: if no node has room for a cell, or the device is a certain GPU.
    """
    if device.startswith("cuda:"):
        raise UserError(f"--device {device} is one GPU of one machine, which Ray chooses itself; use --device cuda")
    on_gpu = device == "cuda" or (device == "auto" and any(node.get("GPU", 0) for node in nodes))
    cells = []
    for node in nodes:
        cpus, gpus = int(node.get("CPU", 0)), int(node.get("GPU", 0))
        count = gpus // devices if on_gpu else PER_NODE if devices == 1 else 1
        cells.append(min(count, cpus))
    used = [(node, count) for node, count in zip(nodes, cells, strict=True) if count]
    if not used:
        wanted = f"{devices} GPU(s) and a CPU" if on_gpu else "a CPU"
        raise UserError(f"a cell needs {wanted}, which none of the {len(nodes)} node(s) of the Ray cluster has")
    return Share(
        slots=sum(count for _, count in used),
        cpus=min(int(node["CPU"]) // count for node, count in used),
        gpus=devices if on_gpu else 0,
        memory_bytes=min(int(node["memory"]) // count for node, count in used),
    )


def cluster_share(device: str, devices: int) -> Share:
    """A cell's share of the cluster as it is now; connects to it.

    Raises:
        UserError: if it cannot be reached, or has no room for a cell.
    """
    connect()
    return share_of([node["Resources"] for node in ray.nodes() if node["Alive"]], device, devices)


class RayExecutor:
    """Ray tasks; :class:`fgsgl.running.executors.base.Executor`.

    Ray itself tries nothing again: the loop does, which looks at the ledger and at the cell's lock first.

    Raises:
        UserError: as :func:`cluster_share`.
    """

    def __init__(self, place: Place) -> None:
        share = cluster_share(place.execution.device, place.execution.devices)
        self.slots = place.jobs
        self.task = ray.remote(
            num_cpus=place.threads, num_gpus=share.gpus, memory=share.memory_bytes, max_retries=0
        )(run_cell)  # fmt: skip

    def start(self, spec: CellSpec) -> RayCell:
        """Hands the cell to Ray, which starts it on a node that has its share free."""
        task = self.task.options(name=f"cell {spec.work_dir.name}")
        return RayCell(task.remote(spec, Path.cwd()), spec.work_dir)


class RayCell:
    """A cell's Ray task; :class:`fgsgl.running.executors.base.Running`."""

    def __init__(self, result: ray.ObjectRef, work_dir: Path) -> None:
        self.result, self.work_dir = result, work_dir
        self.code: int | None = None

    def poll(self) -> int | None:
        """The exit code of the local process, with the end of a node or of its Ray processes as ``NODE_LOST``."""
        if self.code is None and self._ended(within_s=0):
            self.code = self._outcome()
        return self.code

    def stop(self) -> None:
        """Asks its process to end, and ends Ray's, which takes the cell's along, where it does not."""
        ray.cancel(self.result)
        if not self._ended(within_s=2 * GRACE_S):
            ray.cancel(self.result, force=True)
            self._ended(within_s=GRACE_S)

    def _ended(self, within_s: float) -> bool:
        ready, _ = ray.wait([self.result], timeout=within_s)
        return bool(ready)

    def _outcome(self) -> int:
        try:
            return ray.get(self.result)
        except RayError as error:
            append(self.work_dir / "log.txt", f"{type(error).__name__}: {error}\n".encode())
            return OOM_KILLED if isinstance(error, OutOfMemoryError) else NODE_LOST


def run_cell(spec: CellSpec, folder: Path) -> int:
    """Runs a cell's process on the node where Ray calls this, and returns its exit code.

    The process follows the one of Ray that started it, however that ends, so that no lock is held by a cell that nobody
    waits for.

    Args:
        spec: as it stands in ``<work_dir>/spec.json``.
        folder: that relative paths are meant from.
    """
    os.chdir(folder)
    cell = start_here(spec, {})
    try:
        while (code := cell.poll()) is None:
            time.sleep(POLL_S)
    except BaseException:  # ray.cancel() raises KeyboardInterrupt here
        cell.stop()
        raise
    return code
