"""Names that people write: which are the same, and which hold characters that garble a line."""

from __future__ import annotations

import functools
import unicodedata

BIDI = tuple(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the direction of the text after them."""


@functools.lru_cache(10_000)  # a table names the same few people and classes in every row
def same_name(name: str) -> str:
    """A key that names share which people would take for the same: case, blanks and invisible characters aside."""
    if name.isascii():
        return " ".join(name.casefold().split())
    seen = "".join(char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char) != "Cf")
    return " ".join(seen.casefold().split())


def unprintable(text: str) -> str:
    """The first character that would garble a line or turn its direction, as ``U+0000``; empty without one."""
    if text.isprintable():
        return ""
    return next((f"U+{ord(char):04X}" for char in text if _garbles(char)), "")


def _garbles(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in BIDI
