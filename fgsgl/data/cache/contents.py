"""Contents of files: the SHA-256 of each, hashed once and remembered until the file changes.

A file counts as unchanged while its size, its times of modification and of status change, and its inode are the same.
What is remembered lies in the suite's own cache folder, a file for each folder of data.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.data.clip_table import ClipTable, Progress
from fgsgl.util.files import append, read_if_there, write_whole

SETTLED_NS = 2 * 10**9
"""Age of a file's last change from which it is remembered: two changes within one tick of a file system's clock look
alike, and the coarsest clocks tick every two seconds."""


class FileState(NamedTuple):
    """The quick look at a file."""

    size_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int


class _Line(msgspec.Struct, array_like=True, frozen=True):
    name: str
    state: FileState
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


_DECODER = msgspec.json.Decoder(_Line)


def file_state(path: Path) -> FileState | None:
    """The state of a file, or of all files of a folder together; None where there is neither."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return _folder_state(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _folder_state(folder: Path) -> FileState | None:
    """One state for the files of a folder: another where any of them changes, is added or goes."""
    digest, size_bytes, latest_ns = hashlib.sha256(), 0, 0
    for path in _files_of(folder):
        found = path.stat()
        line = f"{path.name} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
        size_bytes, latest_ns = size_bytes + found.st_size, max(latest_ns, found.st_ctime_ns)
    changed_ns = max(latest_ns, folder.stat().st_ctime_ns)
    inode = int.from_bytes(digest.digest()[:7], "big")
    return FileState(size_bytes, latest_ns, changed_ns, inode) if size_bytes else None


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def contents(root: Path, names: Iterable[str], *, workers: int = 1, progress: Progress | None = None) -> dict[str, str]:
    """SHA-256 (64 hex digits) of files by their path below a folder.

    A file that is gone has the content that it had when it was last seen, so that caches outlive the files. One that
    was never seen, or cannot be read, has the content ``""``.

    Args:
        root: the folder.
        names: paths below it.
        workers: files that are hashed at a time.
        progress: called with (files known, files in all) as each is hashed.
    """
    known = _known_path(root)
    remembered = _read(known)
    found: dict[str, str] = {}
    waiting: list[str] = []
    for name in dict.fromkeys(names):
        state, line = file_state(root / name), remembered.get(name)
        if line is not None and state in (None, line.state):
            found[name] = line.sha256
        elif state is None:
            found[name] = ""
        else:
            waiting.append(name)
    total = len(found) + len(waiting)
    for name, sha256, line in _hash_all(root, waiting, workers):
        found[name] = sha256
        if line is not None:
            _remember(known, line)
        if progress is not None:
            progress(len(found), total)
    return found


def with_contents(table: ClipTable, *, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The table with the contents of its videos, where it does not have them yet; see :func:`contents`."""
    if table.contents:
        return table
    videos = (clip.video for clip in table.clips)
    return replace(table, contents=contents(table.video_folder, videos, workers=workers, progress=progress))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or over the names and contents of a folder's files, 64 hex digits.

    Raises:
        OSError: if it cannot be read.
    """
    if path.is_dir():
        lines = [f"{file.name} {sha256_of(file)}\n" for file in _files_of(path)]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_all(root: Path, names: Sequence[str], workers: int) -> Iterator[tuple[str, str, _Line | None]]:
    """Name, SHA-256 and what is to be remembered of each file."""
    with ThreadPoolExecutor(workers) as pool:  # threads will do: hashing leaves the interpreter to others
        yield from pool.map(lambda name: _hash(root, name), names)


def _hash(root: Path, name: str) -> tuple[str, str, _Line | None]:
    path, now_ns = root / name, time.time_ns()
    before = file_state(path)
    try:
        sha256 = sha256_of(path)
    except OSError:
        return name, "", None
    settled = before is not None and before == file_state(path) and before.changed_ns < now_ns - SETTLED_NS
    return name, sha256, _Line(name, before, sha256) if settled and before else None


def _known_path(root: Path) -> Path:
    """The file that keeps what is known of a folder's files."""
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return cache_folder() / "contents" / f"{digest}.jsonl"


def _remember(known: Path, line: _Line) -> None:
    # Where the cache cannot be written, or the name is no Unicode, the file is hashed again next time.
    with contextlib.suppress(OSError, ValueError):
        append(known, msgspec.json.encode(line) + b"\n")


def _read(known: Path) -> dict[str, _Line]:
    """The last line of each file; a line that a kill cut, or that is damaged, is passed over."""
    lines: dict[str, _Line] = {}
    texts = (read_if_there(known) or b"").splitlines()
    for text in texts:
        try:
            line = _DECODER.decode(text)
        except (ValueError, RecursionError):
            continue
        lines[line.name] = line
    if len(texts) > 4 * len(lines) + 1000:  # most of them superseded
        with contextlib.suppress(OSError):
            write_whole(known, b"".join(msgspec.json.encode(line) + b"\n" for line in lines.values()))
    return lines
