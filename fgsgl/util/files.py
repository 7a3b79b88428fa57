"""Files: written so that a reader never sees half of one, and tables with a header, all read alike."""

from __future__ import annotations

import csv
import functools
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from fgsgl.util.errors import UserError

_Read = TypeVar("_Read")


def once(read: Callable[[Path], _Read]) -> Callable[[Path], _Read]:
    """The function, which then reads a file again only when its time or its size has changed."""

    @functools.cache
    def remembered(path: Path, changed_ns: int, size: int) -> _Read:
        return read(path)

    @functools.wraps(read)
    def unchanged(path: Path) -> _Read:
        try:
            file = path.stat()
        except OSError:
            return read(path)  # which says what is wrong with it
        return remembered(path, file.st_mtime_ns, file.st_size)

    return unchanged


def read_regular(path: Path, most_bytes: int) -> bytes:
    """The content of a regular file; a pipe, device or folder is refused without waiting for it.

    Raises:
        UserError: with the path and the cause, if it cannot be read, is no regular file, or larger than ``most_bytes``.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{path} is no regular file, so it is not read; expected a file")
            content = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > most_bytes:
        raise UserError(f"{path} is larger than {most_bytes / 2**20:g} MiB, the most that is read of such a file")
    return content


def _at_once(path: str, flags: int) -> int:
    """Opens a file; a pipe without a writer too."""
    return os.open(path, flags | os.O_NONBLOCK)


def write_whole(path: Path, content: bytes | memoryview | str) -> None:
    """Writes under a temporary name, flushes, then renames; makes the folder where it is missing.

    Raises:
        OSError: with the path, where it cannot be written; nothing of it is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV file with a header, cells stripped.

    The columns may stand in any order; further ones, and rows that are blank in all of these, are passed over.

    Raises:
        UserError: for a file that is missing or no UTF-8 table, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            name_of = {name.strip(): name for name in reader.fieldnames or ()}
            if missing := [column for column in columns if column not in name_of]:
                raise UserError(f"{path} lacks the column(s) {', '.join(missing)}; expected {', '.join(columns)}")
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise UserError(f"no table at {path}; expected a CSV file with the columns {', '.join(columns)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable UTF-8 CSV: {error}") from None
    cells = [(line, {column: (row[name_of[column]] or "").strip() for column in columns}) for line, row in rows]
    return [(line, row) for line, row in cells if any(row.values())]
