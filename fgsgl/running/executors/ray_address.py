"""Which Ray cluster a command joins. Imports no Ray.

A cluster runs code for whoever reaches it, and sends pickled results back, which run code here: so a command joins only
the cluster that it was told of, or one that the same user has started on this machine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from fgsgl.util.errors import UserError

HERE = "local"
"""Value of ``RAY_ADDRESS`` that starts a cluster on this machine, whatever runs there already."""
MOST_BYTES = 1024
"""Length that an address cannot have."""


def address_file(environment: Mapping[str, str]) -> Path:
    """Where the last ``ray start`` on this machine has left its address."""
    return Path(environment.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"


def address_here(path: Path) -> str | None:
    """The address that this user's last ``ray start`` has left, perhaps that of a dead cluster; None: there is none.

    Args:
        path: as :func:`address_file` gives it.

    Raises:
        UserError: where it could be another user's: the file or its folder is not ours, or a link, or others may write
            the file. (Ray itself lets others write to the folder.)
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError:
        raise _not_ours(path) from None
    try:
        return _read_ours(path, folder)
    except FileNotFoundError:
        return None
    except OSError:
        raise _not_ours(path) from None
    finally:
        os.close(folder)


def _read_ours(path: Path, folder: int) -> str | None:
    """The text of a file of ours in an opened folder of ours."""
    file = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        found = os.fstat(file)
        others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        ours = {found.st_uid, os.fstat(folder).st_uid} == {os.getuid()}
        if not ours or others_write or not stat.S_ISREG(found.st_mode):
            raise _not_ours(path)
        return os.read(file, MOST_BYTES).decode("ascii", "replace").strip() or None
    finally:
        os.close(file)


def _not_ours(path: Path) -> UserError:
    return UserError(
        f"{path} names a Ray cluster, but may be another user's, who could run code as you; expected a file of yours "
        "in a folder of yours, no link, that nobody else may write: set RAY_ADDRESS=host:port to join that cluster "
        f"all the same, or RAY_ADDRESS={HERE} to start one on this machine"
    )
