"""Software and machine of a run, as a record keeps them. Imports no torch until the hardware is asked for."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Literal

from msgspec import Struct

import fgsgl
from fgsgl.records.record import Environment, Hardware
from fgsgl.util.errors import UserError

PACKAGES = ("torch", "torchvision", "mmengine", "mmcv-lite", "mmaction2", "open_clip_torch", "timm", "numpy", "av")

_DEVICE = re.compile(r"auto|cuda(:(0|[1-9][0-9]{0,3}))?", re.ASCII)

KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**31),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}
"""Makes glibc keep a step's large buffers for the next, in large pages and one heap, instead of asking the kernel anew:
page faults cost up to a third of the processor time otherwise."""


def versions() -> dict[str, str]:
    """Installed versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version(), "fgsgl": fgsgl.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


class GitState(Struct, frozen=True, kw_only=True):
    """The commit of the source tree, and whether files differ from it; None outside a repository."""

    git_commit: str | None
    git_dirty: bool | None


def git_state() -> GitState:
    """The state of the source tree; no commit for an installed package.

    An environment may lie inside another project's repository, whose commit says nothing of this code: only a
    repository whose top folder holds ``fgsgl/`` counts. What an experiment writes below ``results`` (its plan, its
    boards) is no source, and makes nothing dirty.
    """
    folder = Path(fgsgl.__file__).resolve().parents[1]

    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    top, _, commit = (ask("rev-parse", "--show-toplevel", "HEAD") or "").rpartition("\n")
    if not top or Path(top).resolve() != folder:
        return GitState(git_commit=None, git_dirty=None)
    changed = ask("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
    return GitState(git_commit=commit, git_dirty=bool(changed))


def environment(git: GitState) -> Environment:
    """Installed versions, and the code as it was when the command began."""
    found = {name.replace("-", "_"): version for name, version in versions().items()}
    return Environment(**found, git_commit=git.git_commit, git_dirty=git.git_dirty)


def cpu_model() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def device_environment(device: str) -> dict[str, str]:
    """Environment variables under which a process sees just the wanted device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.

    Raises:
        UserError: for another name.
    """
    if device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": ""}
    if not _DEVICE.fullmatch(device):
        raise UserError(f"unknown device {device!r:.60}; expected auto, cpu, cuda or cuda:N")
    if device in ("auto", "cuda"):
        return {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return {"CUDA_VISIBLE_DEVICES": device.removeprefix("cuda:"), "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def resolve_device(wanted: str, devices: int = 1) -> str:
    """``cuda`` where this process sees a GPU, else ``cpu``.

    Args:
        wanted: as for :func:`device_environment`.
        devices: how many GPUs are needed, if any.

    Raises:
        UserError: for an unknown device, or if a GPU was wanted and there is none, or are too few.
    """
    device_environment(wanted)
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        if (count := torch.cuda.device_count()) < devices:
            raise UserError(f"--devices is {devices}, but PyTorch sees {count} GPU(s); use fewer, or --device cpu")
        return "cuda"
    if wanted.startswith("cuda"):
        raise UserError(f"device {wanted!r} was asked for, but PyTorch sees no GPU; use --device cpu or auto")
    return "cpu"


def require_compiler(device: str) -> None:
    """Refuses ``--compile`` on a CPU without the compiler that torch.compile needs there.

    Raises:
        UserError: naming the compiler that was looked for.
    """
    compiler = os.environ.get("CXX", "g++")
    if device == "cpu" and shutil.which(compiler) is None:
        raise UserError(
            f"--compile needs a C++ compiler on a CPU, but there is no {compiler!r}; install g++ or set CXX"
        )


def hardware(
    device: str, threads: int, autocast: Literal["bf16", "none"], devices: int = 1, compiled: bool = False
) -> Hardware:
    """The machine of a cell and how it is used: what may change a result by rounding alone."""
    gpu = None
    if device == "cuda":
        import torch

        gpu = torch.cuda.get_device_name(device)
    return Hardware(
        device=device,
        cpu=cpu_model(),
        cores=os.cpu_count(),
        threads=threads,
        autocast=autocast,
        devices=devices,
        compiled=compiled,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        gpu=gpu,
    )
