"""What a check of a contract finds."""

from __future__ import annotations

from dataclasses import dataclass


class BrokenPromise(AssertionError):
    """Raised by a check whose promise does not hold; its message says what the check saw."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    promise: str
    ok: bool
    detail: str
    """One line on what the check saw."""
