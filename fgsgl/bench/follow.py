"""A cell's process ends with the command that started it, also where that is killed and can tell nobody."""

from __future__ import annotations

import os
import threading

FOLLOW = "FGSGL_FOLLOW_STDIN"
"""Set in the environment of a process whose standard input is a pipe that its starter holds open and never writes to:
the system closes it when the starter ends, however it ends."""


def follow_starter() -> None:
    """Ends this process at once when its standard input is closed, if it is to follow it."""
    if os.environ.get(FOLLOW):
        threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    os.read(0, 1)
    os._exit(1)
