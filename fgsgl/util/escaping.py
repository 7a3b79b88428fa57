"""Texts from elsewhere, made harmless for where they are shown: a terminal or a log, Markdown, a spreadsheet."""

from __future__ import annotations

import functools
import re

MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", **{char: f"\\{char}" for char in r"\`*[]|$~"}})
"""Escapes for text inside a Markdown table, which would be read as HTML, markup or a formula."""
_LINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""The character of a bare address by which Markdown knows it for a link."""
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""Underscores at the edge of a word; those within one mean nothing to Markdown."""
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""Beginning of a text that a spreadsheet would run, or that reads like one led by apostrophes."""


def printable(text: str) -> str:
    """The text on one line, without control characters that a terminal would obey."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def printable_lines(text: str) -> str:
    """The text, each of its lines :func:`printable`."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(text: str) -> str:
    """The text as one printable line, each run of blanks as one."""
    return " ".join(printable(text).split())


@functools.lru_cache(10_000)  # the same few numbers and names fill a large board
def markdown_text(text: str) -> str:
    """Plain text inside a Markdown table or list: no HTML, markup, formula or link, one line."""
    escaped = _EMPHASIS.sub(r"\_", printable(text).translate(MARKDOWN))
    return ("\\" if escaped.startswith("#") else "") + _LINK.sub(lambda found: f"&#{ord(found[0])};", escaped)


def no_formula(text: str) -> str:
    """The text of a CSV cell, led by an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if _FORMULA.match(text) else text


def undo_no_formula(cell: str) -> str:
    """The text that :func:`no_formula` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
