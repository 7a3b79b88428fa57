"""The board's table as people read it: the same columns in Markdown, HTML and the terminal; the CSV has them all."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fgsgl.report.board import TEXTS, Board, printable

if TYPE_CHECKING:
    from rich.table import Table

EMPTY = "–"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column; a row is a named tuple of the board's table."""

    heading: str
    text: Callable[[Any], str]
    value: Callable[[Any], float] | None = None
    """What a click on the heading sorts by; the text where None."""
    console: bool = True
    """Also in the terminal, where width is dear."""


def percent(share: float) -> str:
    """0.4321 -> ``43.2``; a dash for a missing value."""
    return number(100 * share)


def number(value: float, digits: int = 1, sign: str = "") -> str:
    """Fixed digits, ``sign="+"`` for a difference; a dash for a missing value."""
    return EMPTY if value is None or math.isnan(value) else f"{value:{sign}.{digits}f}".replace("-", "−")


def _top1(row: Any) -> str:
    half = 50 * (row.top1_ci_high - row.top1_ci_low)
    return percent(row.top1) + ("" if math.isnan(half) else f" ± {half:.1f}")


def _difference(row: Any) -> str:
    half = (row.diff_ci_high - row.diff_ci_low) / 2
    return number(row.diff_top1, sign="+") + ("" if math.isnan(half) else f" ± {half:.1f}")


def _params(row: Any) -> str:
    return number(row.params_m, 2) + ("" if math.isnan(row.trainable_m) else f" ({row.trainable_m:.2f})")


def _status(row: Any) -> str:
    return row.status + (f", {row.skipped} clip(s) skipped" if row.skipped else "")


MAIN = (
    Column(heading="Method", text=lambda row: row.label),
    Column(heading="Top-1 %", text=_top1, value=lambda row: row.top1),
    Column(heading="Top-5 %", text=lambda row: percent(row.top5), value=lambda row: row.top5, console=False),
    Column(heading="Mean class %", text=lambda r: percent(r.mean_class), value=lambda r: r.mean_class, console=False),
    Column(heading="Macro-F1 %", text=lambda row: percent(row.macro_f1), value=lambda row: row.macro_f1),
    Column(heading="Difference", text=_difference, value=lambda row: row.diff_top1),
    Column(heading="Category %", text=lambda row: percent(row.category_top1), value=lambda row: row.category_top1),
    Column(heading="Fine %", text=lambda row: percent(row.fine_top1), value=lambda row: row.fine_top1),
    Column(heading="Group %", text=lambda row: percent(row.group_top1), value=lambda row: row.group_top1),
    Column(heading="F1 mean %", text=lambda row: percent(row.f1_mean), value=lambda row: row.f1_mean),
    Column(heading="Params M (trained)", text=_params, value=lambda row: row.params_m),
    Column(heading="Train s", text=lambda row: number(row.train_s, 0), value=lambda row: row.train_s),
    Column(heading="GFLOPs", text=lambda row: number(row.gflops, 2), value=lambda row: row.gflops, console=False),
    Column(
        heading="Latency ms", text=lambda row: number(row.latency_ms), value=lambda row: row.latency_ms, console=False
    ),
    Column(heading="Clips/s", text=lambda row: number(row.clips_per_s), value=lambda r: r.clips_per_s, console=False),
    Column(
        heading="Peak MiB",
        text=lambda r: number(r.peak_memory_mib, 0),
        value=lambda r: r.peak_memory_mib,
        console=False,
    ),
    Column(heading="Pretraining", text=lambda row: row.pretraining, console=False),
    Column(heading="Status", text=_status),
)


def columns_of(board: Board) -> list[Column]:
    """The columns in which any row of the board has something to show."""
    rows = list(board.table.itertuples())
    return [column for column in MAIN if any(column.text(row) not in (EMPTY, "") for row in rows)]


def markdown(board: Board) -> str:
    """A table that GitHub shows, with the note under it and a picture of the accuracies."""
    columns = columns_of(board)
    lines = [f"# Leaderboard: {markdown_text(title(board))}", ""]
    lines.append("| " + " | ".join(column.heading for column in columns) + " |")
    lines.append("| " + " | ".join("---:" if column.value else "---" for column in columns) + " |")
    for row in board.table.itertuples():
        lines.append("| " + " | ".join(markdown_text(column.text(row)) for column in columns) + " |")
    lines += ["", *(f"- {markdown_text(sentence)}" for sentence in board.note), ""]
    if board.table["top1"].notna().any():
        lines += ["![Top-1 of every row](figures/accuracy.png)", ""]
    lines.append("More in [leaderboard.html](leaderboard.html); every number in [leaderboard.csv](leaderboard.csv).")
    return "\n".join(lines) + "\n"


def csv(board: Board) -> str:
    """Every column of the board. A text that a spreadsheet would run as a formula is led by an apostrophe."""
    table = board.table.copy()
    for name in TEXTS:
        table[name] = [no_formula(text) for text in table[name]]
    return table.to_csv(index=False, lineterminator="\n")


def console_table(board: Board) -> Table:
    """The board for the terminal."""
    from rich.table import Table
    from rich.text import Text

    columns = [column for column in columns_of(board) if column.console]
    table = Table(title=Text(title(board)), title_justify="left")
    for column in columns:
        table.add_column(column.heading, justify="right" if column.value else "left", no_wrap=column.value is not None)
    previous = "method"
    for row in board.table.itertuples():
        if previous == "method" != row.kind:
            table.add_section()
        previous = row.kind
        # Text, not str: a name with [brackets] is no markup.
        table.add_row(*(Text(column.text(row)) for column in columns))
    return table


def title(board: Board) -> str:
    """The data sets and presets on the board."""
    pairs = board.table[["dataset", "preset"]].drop_duplicates().itertuples(index=False)
    return printable(", ".join(f"{dataset} {preset}" for dataset, preset in pairs))


def markdown_text(text: str) -> str:
    """Plain text inside a Markdown table: no HTML, no markup, one line."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(printable(text), quote=False))


def no_formula(text: str) -> str:
    """The text, led by an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
