"""What the benchmarks share: how work is timed, how repeats are written, and the memory that a cell has."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fgsgl.records.environment import KEEP_MEMORY


class Spent(NamedTuple):
    """What a piece of work took."""

    clock_s: float
    processor_s: float
    """Also of processes that the work started and waited for."""


def spent(work: Callable[[], object]) -> Spent:
    """Does the work and tells what it took."""
    started_s, busy_s = time.monotonic(), _busy_s()
    work()
    return Spent(time.monotonic() - started_s, _busy_s() - busy_s)


def _busy_s() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


def spread(values: Sequence[float], form: str = ".3g") -> str:
    """Median, smallest and largest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def start_with_cell_memory() -> None:
    """Starts this process anew where the C library does not keep memory as it does in a cell's process."""
    if any(os.environ.get(name) != value for name, value in KEEP_MEMORY.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEP_MEMORY})
