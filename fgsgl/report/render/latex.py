r"""The board as a LaTeX table: ``\input{leaderboard}``, in the preamble ``\usepackage{booktabs}``, no other package."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from fgsgl.report.board.board import Board
from fgsgl.report.board.rows import part_of
from fgsgl.report.render.tables import Column, columns_of, title
from fgsgl.util.escaping import printable

HEADINGS = ("Method", "Top-1 %", "Tied", "Difference", "p (Holm)", "d_z", "Macro-F1 %", "Trials", "Search h (GPU)")
"""The columns of the board that fit the width of a page; the CSV has all."""
WIDTHS = {"Method": r"p{0.2\linewidth}", "p (Holm)": r"p{0.15\linewidth}"}
"""Column types for long texts."""
ROWS = 20
"""Rows of one table, so that it fits a page with its notes; a longer board becomes several tables."""
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "$|$", "−": "$-$",
    "±": r"$\pm$", "×": r"$\times$", "–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\dots{}", "ß": r"\ss{}",
    "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}",
}  # fmt: skip


def latex(board: Board) -> str:
    """The board in tables of at most :data:`ROWS` rows, the notes under the last."""
    columns = [column for column in columns_of(board) if column.heading in HEADINGS]
    rows = list(board.table.itertuples())
    lines = ["% Written by `fgsgl report`. In the preamble: \\usepackage{booktabs}"]
    for start in range(0, len(rows), ROWS):
        part, last = rows[start : start + ROWS], start + ROWS >= len(rows)
        caption = latex_text(title(board)) + (", continued" if start else "")
        lines += [r"\begin{table}[tbp]", r"\centering\scriptsize\setlength{\tabcolsep}{2pt}"]
        lines += [rf"\caption{{Top-1 on {caption}.}}", *_tabular(columns, part)]
        if last:
            lines += [r"\par\medskip\raggedright", *(latex_text(sentence) for sentence in board.notes)]
        lines.append(r"\end{table}")
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Plain text in LaTeX. A character that the standard fonts may lack stands as its code, ``[U+4E2D]``."""
    escaped = "".join(map(_char, printable(text)))
    return re.sub("-(?=-)", "-{}", escaped)  # two hyphens would become a dash


@functools.cache
def _char(char: str) -> str:
    if char in SPECIAL:
        return SPECIAL[char]
    base = unicodedata.normalize("NFD", char)
    accented = ord(char) < 0x100 and len(base) == 2 and base[0].isascii()
    return char if char.isascii() or accented else f"[U+{ord(char):04X}]"


def _tabular(columns: Sequence[Column], rows: Sequence[Any]) -> Iterator[str]:
    shape = "".join(WIDTHS.get(column.heading, "r" if column.value else "l") for column in columns)
    yield rf"\begin{{tabular}}{{{shape}}}"
    yield r"\toprule"
    yield " & ".join(latex_text(column.heading) for column in columns) + r" \tabularnewline"
    yield r"\midrule"
    previous = part_of(rows[0])
    for row in rows:
        if part_of(row) != previous:
            yield r"\midrule"
        previous = part_of(row)
        # \raggedright, also so that a name that starts with [ is not taken for the end of the line before.
        yield r"\raggedright " + " & ".join(_cell(column, row) for column in columns) + r" \tabularnewline"
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _cell(column: Column, row: Any) -> str:
    return (r"\raggedright " if column.heading == "p (Holm)" else "") + latex_text(column.text(row))
