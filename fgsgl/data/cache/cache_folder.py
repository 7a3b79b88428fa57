"""The suite's own cache folder: everything derived from data sets lies here, and nothing inside a data set is believed.

It is ``$FGSGL_CACHE`` or the user's cache directory. It must belong to the user, and nobody else may write in it.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from fgsgl.util.errors import UserError


def cache_folder() -> Path:
    """The cache folder; made, for the user alone, where it is missing.

    Raises:
        UserError: if it belongs to somebody else, others may write in it, or it cannot be made.
    """
    given = os.environ.get("FGSGL_CACHE")
    folder = Path(given) if given else _user_cache() / "fgsgl"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        found = folder.stat()
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its symbolic links form a loop"
        raise UserError(
            f"the cache folder {folder} cannot be made: {reason}; set FGSGL_CACHE to a writable folder with room"
        ) from None
    if found.st_uid not in (os.getuid(), 0):
        raise UserError(
            f"the cache folder {folder} belongs to user {found.st_uid}, who could change what you compute with; set "
            "FGSGL_CACHE to a folder of your own"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UserError(
            f"others may write in the cache folder {folder}, and could change what you compute with; "
            f"`chmod go-w {shlex.quote(str(folder))}`, or set FGSGL_CACHE to a folder of your own"
        )
    return folder


def _user_cache() -> Path:
    """The user's cache directory, as the XDG base directory specification has it."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        raise UserError("no home folder for the cache; set FGSGL_CACHE to a writable folder with room") from None


def old_caches(root: Path) -> list[Path]:
    """Caches that older versions left beside a data set or in ``$FGSGL_CACHE``, and that nothing reads any more."""
    beside = [root / ".frames"] if (root / ".frames").is_dir() else []
    older = {path.parent for path in cache_folder().glob("*/frames.u8")}
    return [*beside, *sorted(older)]
