"""Failures: which class an exception belongs to, or the end of a process that left no record. Imports no torch.

A failure of the infrastructure says nothing about the method, so its cell is tried again; any other is a result.
"""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.util.errors import UNWRITABLE, UserError

if TYPE_CHECKING:
    from fgsgl.records.protocol import Protocol
    from fgsgl.records.record import FailureClass, Record

BUSY = 75
"""Exit code where another process is running the same cell."""
OOM_KILLED = 76
"""Exit code of an executor for a process that the system killed because memory was short."""
NODE_LOST = 77
"""Exit code that an executor tells where the machine of the process is gone."""
CRASHES = frozenset({
    signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP,
})  # fmt: skip
"""Signals that a process brings on itself."""
LOST = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH})
"""How the system says that a disk or a network is gone."""

_SAYINGS: tuple[tuple[FailureClass, str], ...] = (
    (
        "out_of_memory",
        r"can't allocate memory|Cannot allocate memory|CUDA error: out of memory|CUDA out of memory|std::bad_alloc|"
        r"CU(BLAS|DNN)_STATUS_ALLOC_FAILED",
    ),
    ("unwritable", r"No space left on device|Disk quota exceeded"),
    (
        "killed",
        r"DataLoader worker .*(killed by signal|exited unexpectedly)|terminated abruptly|"
        r"Signal \d+ \(SIG(KILL|TERM|INT|HUP)\) received by PID",
    ),
    (
        "infrastructure",
        r"Rendezvous\w*Error|Dist(Backend|Network|Store)Error|NCCL error|nccl(Unhandled|System|Remote)\w*Error|"
        r"Connection (closed|reset) by peer|Address already in use|uncorrectable|fallen off the bus|"
        r"CUDA error: (unknown error|initialization error|driver shutting down|system not yet initialized|"
        r"no CUDA-capable device|.*busy or unavailable|hardware stack error)|CUDA driver initialization failed",
    ),
)
"""Words of libraries for each class, in a plain exception or in a log; the first match counts."""


def failure_class(error: BaseException) -> FailureClass:
    """The class of an exception."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, UserError):
        return "bad_data"
    if isinstance(error, FloatingPointError):
        return "nan"
    if isinstance(error, MemoryError) or "OutOfMemoryError" in kinds or number == errno.ENOMEM:
        return "out_of_memory"
    if number in UNWRITABLE:
        return "unwritable"
    if number in LOST or isinstance(error, ConnectionError) or "StorageInternalError" in kinds:
        return "infrastructure"
    return _class_said(f"{type(error).__name__}: {error}") or "error"


def death(code: int, log: str) -> tuple[FailureClass, str]:
    """Class and message of a process that left no record.

    Args:
        code: its exit code, negative where a signal ended it; not 0.
        log: the end of what it wrote.
    """
    if code == OOM_KILLED:
        return "out_of_memory", "killed by the system, as memory was short (fewer --jobs leave each cell more)"
    if code == NODE_LOST:
        return "infrastructure", "its machine was lost"
    if code < 0 and -code not in CRASHES:
        return "killed", f"by signal {-code}"
    said = f"crashed by signal {-code}" if code < 0 else f"exit code {code}"
    return _class_said(log) or "error", said


def _class_said(text: str) -> FailureClass | None:
    return next((cause for cause, pattern in _SAYINGS if re.search(pattern, text)), None)


def oom_kills() -> int:
    """Processes that the kernel has killed since it started, as memory was short; 0 where it does not say."""
    try:
        found = re.search(r"^oom_kill (\d+)", Path("/proc/vmstat").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def what_fits(protocol: Protocol, method: str, devices: int, records: Iterable[Record]) -> str:
    """Advice for a cell that ran out of memory: in how many parts its batch may fit, and what that is based on.

    Args:
        protocol: of the cell.
        method: its name.
        devices: processes that share each batch.
        records: finished ones, of which those of the same method and size of clip tell what has fitted.
    """
    batch, parts = protocol.batch_size, protocol.accumulate
    at_once = batch // (parts * devices)
    finer = [k for k in range(parts + 1, batch + 1) if batch % (k * devices) == 0]
    if not finer:
        return f"with {at_once} clip at once; take a smaller --image-size, --num-frames or --backbone"
    fitted = {_at_once(record): record for record in records if _alike(record, protocol, method)}
    proven = max((clips for clips in fitted if clips < at_once), default=None)
    target = proven or at_once / 2
    wanted = next((k for k in finer if batch // (k * devices) <= target), finer[-1])
    clips = batch // (wanted * devices)
    if proven:
        where = fitted[proven].hardware.gpu or "a CPU"
        basis = f"{proven} at once took {fitted[proven].peak_memory_mib:.0f} MiB on {where}, by a record of {method}"
    else:
        basis = f"half of what did not fit or less: a guess, since no record of {method} with fewer tells its memory"
    smaller = f" or --batch-size {clips * devices * parts}"
    return (
        f"with {at_once} clips at once; try --accumulate {wanted} (the same batch, {clips} at once){smaller}: {basis}"
    )


def _alike(record: Record, protocol: Protocol, method: str) -> bool:
    same = ("num_frames", "image_size", "size", "backbone")
    told = record.method == method and record.peak_memory_mib is not None
    return told and all(getattr(record.protocol, name) == getattr(protocol, name) for name in same)


def _at_once(record: Record) -> int:
    return record.protocol.batch_size // (record.protocol.accumulate * record.hardware.devices)
