"""Faults of a data set's files, collected so that one command names all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from fgsgl.data.clip_table import ClipTable


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Something in a data set's files without which it cannot be used."""

    file: str = ""
    """Path of the file; empty for a fault of the data set as a whole."""
    line: int = 0
    """Line of the file, from 1; 0 for the file as a whole."""
    what: str
    """What came and what was expected."""

    def __str__(self) -> str:
        place = ", ".join([self.file] * bool(self.file) + [f"line {self.line}"] * bool(self.line))
        return f"{place}: {self.what}" if place else self.what


class FaultyData(UserError):
    """A data set with faults: the message names the first one and how many more there are."""

    def __init__(self, faults: Sequence[Fault], sound: ClipTable | None = None) -> None:
        """Keeps all faults for `fgsgl data check`.

        Args:
            faults: at least one.
            sound: the clips without a fault, so that a check can go on with them.
        """
        more = f" ({len(faults) - 1} more fault(s); `fgsgl data check` lists all)" if faults[1:] else ""
        super().__init__(f"{faults[0]}{more}")
        self.faults = tuple(faults)
        self.sound = sound


@contextmanager
def collected(faults: list[Fault], file: object = "", line: int = 0) -> Iterator[None]:
    """Turns a :class:`UserError` of the block into a fault at a place, and goes on after the block."""
    try:
        yield
    except FaultyData as error:
        faults.extend(error.faults)
    except UserError as error:
        faults.append(Fault(file=str(file), line=line, what=str(error)))
