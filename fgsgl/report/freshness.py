"""Whether what a report wrote is still that of its records, plan and code, by digests and never by dates.

``board.json`` in the board's folder keeps the state of everything that a report read, and a digest of every file that
it wrote. A file that was edited or removed, or a record that came, went or changed, makes the report stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

import fgsgl
from fgsgl.records.plan_file import FILE as PLAN
from fgsgl.records.verdicts import state_of
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular, write_whole

FILE = "board.json"
MOST_BYTES = 2**28


class Stamp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``board.json``."""

    sources: str
    """Digest over the state of the records, the predictions and the plan, and over the code."""
    outputs: dict[str, str]
    """SHA-256 of each file that was written, by its path in the board's folder."""


def sources_of(folder: Path) -> str:
    """The digest of everything that a report of this folder reads; to be taken before it is read."""
    paths = sorted((folder / "ledger").glob("*.json")) + sorted((folder / "ledger").glob("*.npz"))
    files = hashlib.sha256(_code().encode())
    for path in (*paths, folder / PLAN):
        try:
            files.update(state_of(path).encode())
        except OSError:  # no plan, or a broken link, which the report refuses
            files.update(f"{path.name}: none".encode())
    return files.hexdigest()


def write_stamp(folder: Path, sources: str, written: Iterable[Path]) -> None:
    """Notes what a report wrote.

    Args:
        folder: of the board.
        sources: from :func:`sources_of`, as they were before the report read them.
        written: every file of the report.
    """
    outputs = {str(path.relative_to(folder)): _sha256(path) for path in written}
    write_whole(
        folder / FILE, msgspec.json.format(msgspec.json.encode(Stamp(sources=sources, outputs=outputs))) + b"\n"
    )


def is_fresh(folder: Path) -> bool:
    """Whether every file of the last report is there as it was written, and what it read has not changed since."""
    try:
        stamp = msgspec.json.decode(read_regular(folder / FILE, MOST_BYTES), type=Stamp)
    except (UserError, msgspec.MsgspecError):
        return False
    return stamp.sources == sources_of(folder) and all(_same(folder, name, was) for name, was in stamp.outputs.items())


def _same(folder: Path, name: str, was: str) -> bool:
    path = folder / name
    return path.resolve().is_relative_to(folder.resolve()) and path.is_file() and _sha256(path) == was


def _sha256(path: Path) -> str:
    return hashlib.sha256(read_regular(path, MOST_BYTES)).hexdigest()


@cache
def _code() -> str:
    """Digest of the package's own files: another version writes another board."""
    package = Path(fgsgl.__file__).parent
    digest = hashlib.sha256()
    for path in _sources(package):
        digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources(package: Path) -> Iterator[Path]:
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".csv", ".html", ".css", ".js", ".j2", ".mplstyle") and path.is_file():
            yield path
