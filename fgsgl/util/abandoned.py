"""Temporary files: their names say who writes them, so that those of killed processes can be removed later."""

from __future__ import annotations

import os
import re
import socket
import time
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

ABANDONED_S = 86400.0
"""Age after which the writer of a file counts as dead where nobody can ask for it."""


def temporary(path: Path) -> Path:
    """The name under which this process writes a file before it renames it."""
    return path.with_name(f"{path.name}.{_here()}.{os.getpid()}.tmp")


def remove_abandoned(folder: Path) -> None:
    """Removes the temporary files of dead writers.

    A process of another machine, or of an older version, counts as dead once its file is a day old.
    """
    for path in folder.glob("*.tmp"):
        found = re.fullmatch(r".+?(?:\.([0-9a-f]{8}))?\.([0-9]{1,10})\.tmp", path.name)
        if found is None:  # somebody else's
            continue
        with suppress(OSError):  # its writer has just ended, or another command removes it
            aged = time.time() - path.lstat().st_mtime > ABANDONED_S
            if aged if found[1] != _here() else not _lives(int(found[2])):
                path.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@cache
def _here() -> str:
    """8 hex digits for what process ids are unique in: this machine, or a container on it."""
    namespace = Path("/proc/self/ns/pid")
    place = namespace.readlink() if namespace.is_symlink() else ""
    return f"{zlib.crc32(f'{socket.gethostname()} {place}'.encode()):08x}"
