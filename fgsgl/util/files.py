"""Files: written so that a reader never sees half of one, and tables with a header, all read alike.

What is written replaces a symbolic link in the way, and never follows it.
"""

from __future__ import annotations

import codecs
import csv
import errno
import functools
import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from fgsgl.util.abandoned import temporary
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import undo_no_formula

DELIMITERS = ",;\t"
"""Characters that part the cells of tables from elsewhere."""
TEXT_LIMIT_MIB = 256
"""Largest file of text that is read."""
_Read = TypeVar("_Read")


def once(read: Callable[[Path], _Read]) -> Callable[[Path], _Read]:
    """The function, which then reads a file again only when it has changed: its size, its times or its inode."""

    @functools.cache
    def remembered(path: Path, *state: int) -> _Read:
        return read(path)

    @functools.wraps(read)
    def unchanged(path: Path) -> _Read:
        try:
            file = path.stat()
        except OSError:
            return read(path)  # which says what is wrong with it
        return remembered(path, file.st_size, file.st_mtime_ns, file.st_ctime_ns, file.st_ino)

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


def require_folder(folder: Path) -> None:
    """Refuses a path where no folder can be, or where nothing can be written; makes nothing.

    Raises:
        UserError: with the path and the cause.
    """
    refused = f"{folder} cannot be the folder of what is written"
    found, base = None, folder.absolute()
    while found is None:
        try:
            found = base.stat()
        except FileNotFoundError:
            base = base.parent
        except OSError as error:  # a name that is too long, a loop of links, a file on the way
            raise UserError(f"{refused}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise UserError(f"{refused}: {base} is no folder")
    if not os.access(base, os.W_OK | os.X_OK):
        raise UserError(f"{refused}: this user may not write in {base}")
    if os.statvfs(base).f_blocks == 0:
        raise UserError(f"{refused}: {base} is the kernel's and takes no files")


def write_whole(path: Path, content: bytes | memoryview | str) -> None:
    """Writes under a temporary name, flushes, then renames; makes the folder where it is missing.

    Raises:
        OSError: with the path, where it cannot be written; nothing of it is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written = temporary(path)
    try:
        with new_file(written) as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except OSError as error:
        written.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None


def own_folder(path: Path) -> Path:
    """A folder of ours inside another one, which may come from anywhere; made where it is missing.

    Raises:
        UserError: if it is a symbolic link, which may lead out of the other one.
        OSError: where it cannot be made.
    """
    if path.is_symlink():
        raise UserError(f"{path} is a symbolic link, and nothing is written through it; expected a folder, or nothing")
    path.mkdir(parents=True, exist_ok=True)
    return path


def new_file(path: Path) -> BinaryIO:
    """Opens a file that this call makes, to write bytes; what stands in the way, a symbolic link too, is removed.

    Raises:
        OSError: where it cannot be made, or something else makes it at the same moment.
    """
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "wb")


def append(path: Path, content: bytes) -> None:
    """Adds to the end of a file in one write, so that the lines of several processes do not mix; makes it, and its
    folder, where it is missing.

    Raises:
        OSError: where it cannot be written, or is a symbolic link.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_to_append(path) as file:
        file.write(content)


def open_to_append(path: Path) -> FileIO:
    """Opens a file to add bytes to its end, unbuffered; makes it where it is missing.

    Raises:
        OSError: where it cannot be written, or is a symbolic link.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o666), "ab", buffering=0)


def open_to_read(path: Path) -> BufferedReader:
    """Opens a regular file to read bytes.

    Raises:
        OSError: if there is none, only a symbolic link or a special file, or it cannot be read.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return file


def read_if_there(path: Path) -> bytes | None:
    """The content of a regular file; None where :func:`open_to_read` raises an error."""
    try:
        with open_to_read(path) as file:
            return file.read()
    except OSError:
        return None


def read_text(
    path: Path, kind: str = "file", expected: str = "expected a file of text", most_bytes: int = TEXT_LIMIT_MIB * 2**20
) -> str:
    """Text of a UTF-8 file, its line ends as ``\\n``, without a byte order mark.

    Args:
        path: the file.
        kind: what it is called where it is missing.
        expected: ends the message about a missing file.
        most_bytes: a larger file is refused.

    Raises:
        UserError: for a file that is missing, or as :func:`read_regular`; for one that is not UTF-8, with the line.
    """
    if not os.path.lexists(path):
        raise UserError(f"no {kind} at {path}; {expected}")
    content = read_regular(path, most_bytes)
    for marks, name in (
        ((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "UTF-32"),
        ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "UTF-16"),
    ):
        if content.startswith(marks):
            raise UserError(f"{path} is {name}, not UTF-8; save it as UTF-8 text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8 (Windows-1252, perhaps); save the "
            "file as UTF-8 text"
        ) from None
    if text.count("\0") > len(text) // 4:
        raise UserError(f"{path} holds U+0000 between its characters: UTF-16, not UTF-8; save it as UTF-8 text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV; a cell from elsewhere goes through :func:`fgsgl.util.escaping.no_formula` before."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read_table(
    path: Path,
    columns: Sequence[str],
    wrong: Callable[[int, str], None] | None = None,
    *,
    optional: Sequence[str] = (),
    delimiters: str = ",",
) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV file with a header; cells stripped, and without the guard of :func:`no_formula`.

    The columns may stand in any order; further ones, and rows that are blank in all of these, are passed over.

    Args:
        path: the file.
        columns: those to read.
        wrong: called with the line of a row that has not as many cells as the header, and what is wrong with it; None:
            it is refused.
        optional: further columns to read where they stand there; else they are in no row.
        delimiters: characters that may part cells, of which the header has one.

    Raises:
        UserError: for a file that is missing or no UTF-8 table, that lacks a column or has it twice, or such a row.
    """
    expected = f"expected a CSV file with the columns {', '.join(columns)}"
    text = read_text(path, "table", expected)
    delimiter = max(delimiters, key=text.lstrip("\n").partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True, delimiter=delimiter)
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        header = next(([cell.strip() for cell in cells] for cells in reader if any(map(str.strip, cells))), [])
        place = _places(header, columns, optional, path)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                what = (
                    f"{len(cells)} cell(s), the header has {len(header)}; a {_NAMES[delimiter]} in a cell needs "
                    "quotation marks"
                )
                if wrong is None:
                    raise UserError(f"{path}, line {reader.line_num}: {what}")
                wrong(reader.line_num, what)
                continue
            row = {column: undo_no_formula(cells[index].strip()) for column, index in place.items()}
            if any(row.values()):
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: this is not CSV: {error}") from None
    return rows


_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


def _places(header: Sequence[str], columns: Sequence[str], optional: Sequence[str], path: Path) -> dict[str, int]:
    """The index of each column in the header.

    Raises:
        UserError: for a column that is missing, or stands there twice, also in other case.
    """
    alike = Counter(name.casefold() for name in header)
    wanted = (*columns, *optional)
    if twice := [column for column in wanted if alike[column.casefold()] > 1]:
        found = [name for name in header if name.casefold() == twice[0].casefold()]
        raise UserError(f"{path}, line 1: the column {twice[0]} stands there {len(found)} times ({', '.join(found)})")
    if "" in header:
        raise UserError(f"{path}, line 1: column {header.index('') + 1} has no name; name it, or remove it in all rows")
    index = {name.casefold(): place for place, name in enumerate(header)}
    if missing := [column for column in columns if column.casefold() not in index]:
        has = f"has the column(s) {', '.join(header)[:200]}" if header else "has no header"
        raise UserError(f"{path} {has}, and lacks the column(s) {', '.join(missing)}; expected {', '.join(columns)}")
    return {column: index[column.casefold()] for column in wanted if column.casefold() in index}
