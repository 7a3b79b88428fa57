"""The one exception that a user is meant to see, and how a command line ends."""

from __future__ import annotations

import difflib
import errno
import os
import sys
from collections.abc import Callable

from fgsgl.util.escaping import one_line

UNWRITABLE = frozenset({
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EISDIR, errno.ENOSPC, errno.ENOTDIR, errno.EPERM,
    errno.EROFS,
})  # fmt: skip
"""Error numbers of a failed write: a full disk, a quota, no permission, a file in place of a folder."""
UNUSABLE = frozenset({
    errno.ENAMETOOLONG, errno.ELOOP, errno.ENOENT, errno.EINVAL, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE,
    errno.EBUSY, errno.ENOTEMPTY, errno.EOPNOTSUPP, errno.EMFILE, errno.ENFILE,
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
    """Runs a command line: a :class:`UserError`, or a path that cannot be made, read or written, becomes one line and
    exit code 2; Ctrl-C becomes exit code 130, and a reader such as ``head`` that has gone away 141."""
    try:
        return command()
    except UserError as error:
        return refused(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at the exit
        return 141
    except OSError as error:
        if error.errno not in UNWRITABLE and not (error.errno in UNUSABLE and error.filename):
            raise
        where = f"{os.fsdecode(error.filename)} " if isinstance(error.filename, (str, bytes)) else "a file "
        does = "cannot be written" if error.errno in UNWRITABLE else "cannot be used"
        return refused(f"{where}{does}: {error.strerror}; what is finished is kept")
    except KeyboardInterrupt:
        print("interrupted; finished work is kept, and the same command goes on from here", file=sys.stderr)
        return 130


def refused(why: str) -> int:
    """Says in one line on stderr why a command cannot go on, and returns its exit code."""
    print(f"error: {one_line(why)}", file=sys.stderr)
    return 2
