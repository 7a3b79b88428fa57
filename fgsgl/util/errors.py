"""The one exception that a user is meant to see, and how a command line ends."""

from __future__ import annotations

import difflib
import errno
import sys
from collections.abc import Callable

UNWRITABLE = frozenset({
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EISDIR, errno.ENOSPC, errno.ENOTDIR, errno.EPERM,
    errno.EROFS,
})  # fmt: skip
"""Error numbers of a failed write: a full disk, a quota, no permission, a file in place of a folder."""
UNUSABLE = frozenset({
    errno.EINVAL, errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.ESTALE,
})  # fmt: skip
"""Error numbers of a path that cannot be: too long, a loop of links, below a folder that takes no files."""


class UserError(Exception):
    """Something the user can mend: says what came, what was expected, where, and what to do.

    Every command line turns it into one line on stderr and exit code 2.
    """


def nearest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """The valid names closest to ``name``, for the end of an error message; all of them when nothing is close."""
    close = difflib.get_close_matches(name, valid, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"valid: {', '.join(valid)}"


def run_command(command: Callable[[], int]) -> int:
    """Runs a command line: a :class:`UserError`, or a file that cannot be used, becomes one line and exit code 2,
    Ctrl-C exit code 130."""
    try:
        return command()
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in UNWRITABLE and not (error.errno in UNUSABLE and error.filename):
            raise
        how = "used" if error.errno in UNUSABLE else "written"
        where = f"{error.filename or 'a file'} cannot be {how}"
        print(f"error: {where}: {error.strerror}; what is finished is kept", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; finished work is kept, and the same command goes on from here", file=sys.stderr)
        return 130
