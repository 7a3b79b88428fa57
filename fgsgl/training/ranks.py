"""Ranks, the processes that train one cell together: how each learns its number, and where they meet. Imports no torch.

They meet in a file below a folder that no other user can enter, and talk over the loopback interface alone: whoever
reaches the meeting point could make them unpickle code.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

STORE = "FGSGL_RANK_STORE"
"""Environment variable with the file that the ranks of a cell meet in."""
LOOPBACKS = ("lo", "lo0")
"""Names of the loopback interface, on Linux and on macOS."""


def new_store() -> Path:
    """A meeting file that is still to be written, in a new folder of mode 0700."""
    return Path(tempfile.mkdtemp(prefix="fgsgl-ranks-")) / "store"


def remove_store(store: Path) -> None:
    """Removes the meeting file and its folder."""
    shutil.rmtree(store.parent, ignore_errors=True)


def rank_environment(rank: int, ranks: int, store: Path) -> dict[str, str]:
    """The environment variables that make a process one of several.

    Args:
        rank: its number, from 0.
        ranks: how many there are, all on this machine.
        store: as :func:`new_store` gives it, the same for all of them.
    """
    loopback = next((name for _, name in socket.if_nameindex() if name in LOOPBACKS), LOOPBACKS[0])
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        STORE: str(store),
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": f"={loopback}",
    }


def own_rank() -> int:
    """The number of this process among those that train its cell; 0 where it is alone."""
    return int(os.environ.get("RANK", "0")) if STORE in os.environ else 0
