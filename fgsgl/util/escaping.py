"""Texts from elsewhere, made harmless for where they are shown: a terminal, Markdown, a spreadsheet."""

from __future__ import annotations

import functools
import re

MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", **{char: f"\\{char}" for char in r"\`*[]|"}})
"""Escapes for text inside a Markdown table, which would be read as HTML or markup."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Beginning of a text that a spreadsheet would run, or that reads like one led by apostrophes."""


def printable(text: str) -> str:
    """The text on one line, without control characters that a terminal would obey."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def one_line(text: str) -> str:
    """The text as one printable line, each run of blanks as one."""
    return " ".join(printable(text).split())


@functools.lru_cache(10_000)  # the same few numbers and names fill a large board
def markdown_text(text: str) -> str:
    """Plain text inside a Markdown table: no HTML, no markup, one line."""
    return printable(text).translate(MARKDOWN)


def no_formula(text: str) -> str:
    """The text of a CSV cell, led by an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if _FORMULA.match(text) else text


def undo_no_formula(cell: str) -> str:
    """The text that :func:`no_formula` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
