"""Ctrl-C, which a terminal sends to every process of a command, is the business of the first alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import ModuleType
from typing import TypeVar

from fgsgl.util.errors import UserError


@contextmanager
def held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block; processes that are started in it never get one, not even while they
    still import what they need, which would end in a traceback of each."""
    resource_tracker.ensure_running()  # started by the first worker, it would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


FOLLOW = "FGSGL_FOLLOW_STDIN"
"""Set in the environment of a process whose standard input is a pipe that its starter holds open and never writes to:
the system closes it when the starter ends, however it ends."""


def follow_starter(last: Callable[[], None] | None = None) -> None:
    """Ends this process at once when its standard input is closed, if it is to follow it.

    Args:
        last: called before that.
    """
    if os.environ.get(FOLLOW):
        threading.Thread(target=_follow, args=(last,), daemon=True).start()


def _follow(last: Callable[[], None] | None) -> None:
    os.read(0, 1)
    if last is not None:
        last()
    os._exit(1)


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
            with held(), _without_main():
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


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes that are started in the block do not import the script that this one runs. It would run again in each
    of them if it lacks ``if __name__ == "__main__"``, and they need nothing of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _each(function: Callable[[_Job], _Result], jobs: Sequence[_Job]) -> list[_Result]:
    return [function(job) for job in jobs]


def _start_worker(start: Callable[[], None] | None) -> None:
    end_with_parent()
    if start is not None:
        start()


def end_with_parent() -> None:
    """Lets this process, which multiprocessing started, end with its parent, even a killed one."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # a process that multiprocessing started has one

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
