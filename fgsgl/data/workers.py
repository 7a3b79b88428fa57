"""Worker processes that a kill does not stop: what a dead one was at is done again, and none outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from fgsgl.errors import UserError
from fgsgl.interrupts import held

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
DEATHS = 3
"""Deaths in a row, with nothing done in between, that a job is given up after."""


def spread(
    what: str,
    function: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    workers: int,
    chunk: int = 1,
    start: Callable[[], None] | None = None,
) -> Iterator[_Result]:
    """Yields ``function(job)`` of every job, in order; a job may be begun twice, so its function must not mind.

    Args:
        what: it does, for the error: ``decoding frames``.
        function: at the top of a module, as are its arguments' types.
        jobs: what it is called with.
        workers: processes; 1: it is called here.
        chunk: jobs that a worker gets at a time.
        start: called first in every worker.

    Raises:
        UserError: where workers die at the same job again and again.
    """
    if min(workers, len(jobs)) <= 1:
        yield from map(function, jobs)
        return
    chunks = [jobs[first : first + chunk] for first in range(0, len(jobs), chunk)]
    done = deaths = 0
    while done < len(chunks):
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(workers, len(chunks) - done), context, _start_worker, (start,))
        try:
            with held():
                futures = [pool.submit(_each, function, some) for some in chunks[done:]]
            for future in futures:
                yield from future.result()
                done, deaths = done + 1, 0
        except BrokenProcessPool:
            deaths += 1
            if deaths == DEATHS:
                raise UserError(
                    f"{what}: a process was killed {deaths} times in a row, as the system does where memory is short; "
                    "close other programs (what is done is kept, and the same command goes on from there)"
                ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _each(function: Callable[[_Job], _Result], jobs: Sequence[_Job]) -> list[_Result]:
    return [function(job) for job in jobs]


def _start_worker(start: Callable[[], None] | None) -> None:
    """A worker ends with its parent, even a killed one."""
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    if start is not None:
        start()
