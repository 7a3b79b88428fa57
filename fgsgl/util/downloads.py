"""Whether this process may ask the network for weights: only where ``--allow-download`` was given.

The environment carries it, so that the processes of cells know it too. Imports nothing that downloads.
"""

from __future__ import annotations

import os
import sys

from fgsgl.util.errors import UserError

ALLOWED = "FGSGL_ALLOW_DOWNLOAD"
"""Set to ``1`` in the environment where weights may be downloaded."""
OFFLINE = "HF_HUB_OFFLINE"
"""Hugging Face's own switch, which timm and open_clip obey too."""
PATIENCE_S = "5"
"""How long a server may take to answer."""


def allowed() -> bool:
    """Whether downloads were asked for."""
    return os.environ.get(ALLOWED) == "1"


def allow() -> None:
    """Lets this process, and those that it starts, download weights."""
    os.environ[ALLOWED] = "1"


def apply() -> None:
    """Makes Hugging Face's libraries obey; called before they are imported, since they look at the environment once."""
    if allowed():
        os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", PATIENCE_S)
        os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", PATIENCE_S)
        return
    os.environ[OFFLINE] = "1"
    if constants := sys.modules.get("huggingface_hub.constants"):
        vars(constants)["HF_HUB_OFFLINE"] = True


def require(what: str) -> None:
    """Refuses to ask the network.

    Args:
        what: would be downloaded.

    Raises:
        UserError: where downloads were not asked for.
    """
    if not allowed():
        raise UserError(
            f"{what} is not on this machine, and the network is asked only with --allow-download; give it, or name a "
            "file"
        )
