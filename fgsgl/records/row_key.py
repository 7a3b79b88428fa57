"""The key of a board's row: method, variant, data, protocol and kind."""

from __future__ import annotations

from typing import NamedTuple

FULL = "full"
"""Name of the variant that changes nothing."""
TUNED = "tuned"
"""Name of the row whose settings a search has chosen; its seeds may have the settings of different studies."""


class RowKey(NamedTuple):
    """Names a row; its records share all of it, and differ in their seeds."""

    method: str
    variant: str
    """``full``, ``tuned``, or what was changed."""
    dataset: str
    preset: str
    protocol: str
    """Hash of the protocol."""
    kind: str
    """``method``, ``floor`` or ``ceiling``."""

    @property
    def is_tuned(self) -> bool:
        """Whether a search chose the settings of the row."""
        return self.kind == "method" and self.variant == TUNED
