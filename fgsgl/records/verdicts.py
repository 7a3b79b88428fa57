"""Remembers which records have been checked, so that a large board is not checked anew each time it is read.

The file lies in the user's own cache, never beside the records, which may come from elsewhere.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.records.identity import sha256_16
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular, write_whole

RULES = 1
"""To be raised when a check changes: what was found before counts no longer."""
MOST_BYTES = 2**28


@dataclass(slots=True)
class Verdicts:
    """The cells of one ledger that were found to be in order, each by the state of its files."""

    path: Path | None
    """None: there is no cache folder to be used, so that nothing is remembered."""
    known: dict[str, bool]
    """State of a cell's files -> whether its id could be checked too."""
    used: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, ledger: Path) -> Self:
        """What is remembered of a ledger; nothing where the cache is missing or damaged."""
        try:
            path = cache_folder() / "verdicts" / f"{sha256_16(str(ledger.resolve()))}.json"
        except UserError:
            return cls(None, {})
        try:
            return cls(path, msgspec.json.decode(read_regular(path, MOST_BYTES), type=dict[str, bool]))
        except (ValueError, UserError):
            return cls(path, {})

    def keep(self) -> None:
        """Writes what this reading of the ledger used, where that is anything new; a cache that cannot be written is
        done without."""
        if self.path is not None and not self.used.keys() <= self.known.keys():
            with suppress(OSError):
                write_whole(self.path, msgspec.json.encode(self.used))


def state_of(*paths: Path) -> str:
    """A key that changes when one of the files does: name, size, inode and times, of which a user cannot set the last.

    Raises:
        OSError: for a file that is not there.
    """
    stats = [path.stat() for path in paths]
    states = [(one.st_size, one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for one in stats]
    return sha256_16(repr((RULES, [str(path) for path in paths], states)))
