"""Texts from elsewhere, made harmless for where they are shown: a terminal, Markdown, a spreadsheet."""

from __future__ import annotations

import functools

MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", **{char: f"\\{char}" for char in r"\`*[]|"}})
"""Escapes for text inside a Markdown table, which would be read as HTML or markup."""


def printable(text: str) -> str:
    """The text on one line, without control characters that a terminal would obey."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


@functools.lru_cache(10_000)  # the same few numbers and names fill a large board
def markdown_text(text: str) -> str:
    """Plain text inside a Markdown table: no HTML, no markup, one line."""
    return printable(text).translate(MARKDOWN)


def no_formula(text: str) -> str:
    """The text, led by an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
