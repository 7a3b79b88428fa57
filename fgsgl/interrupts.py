"""Ctrl-C, which a terminal sends to every process of a command, is the business of the first alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


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
