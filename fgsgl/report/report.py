"""`fgsgl report`: from a results folder's ledger to its leaderboard and figures."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.util.files import write_whole

if TYPE_CHECKING:  # a command that finds its board unchanged imports no pandas
    from rich.console import Console

    from fgsgl.report.board.board import Board


def report(folder: Path) -> Board:
    """Writes ``leaderboard.{md,csv,tex,html}``, ``figures/*.{png,pdf,csv}`` and, of designs, ``ablation.{md,csv}``
    into ``folder`` and returns the board; and ``localisation.{md,csv}`` where any cell measured it.

    Reads ``<folder>/ledger`` and, where there is one, ``<folder>/plan.json``; the same ledger gives the same files.

    Raises:
        UserError: for a missing, foreign or damaged record, a damaged plan, or a board without its floor.
    """
    from fgsgl.report import figures
    from fgsgl.report.ablations.render import write_ablations
    from fgsgl.report.board.board import read_board
    from fgsgl.report.localisation import render
    from fgsgl.report.render.html import page
    from fgsgl.report.render.latex import latex
    from fgsgl.report.render.tables import csv, markdown

    with rare_collections():
        board = read_board(folder)
        ablations = write_ablations(board)
        with figures.beside(board, folder / "figures", ablations) as drawn:
            write_whole(folder / "leaderboard.md", markdown(board))
            write_whole(folder / "leaderboard.csv", csv(board))
            write_whole(folder / "leaderboard.tex", latex(board))
            looks = render.write(board)
            write_whole(folder / "leaderboard.html", page(board, drawn, ablations, looks))
    return board


def show_board(folder: Path, console: Console) -> None:
    """Writes the board from the ledger, prints it, and says where it lies.

    Raises:
        UserError: from :func:`report`.
    """
    from fgsgl.report.render.tables import console_table

    board = report(folder)
    console.print(console_table(board, console.width))
    for line in (*board.note, *board.cost_note):
        console.print(line, markup=False, highlight=False, style="dim")
    _tell_where(folder, console)


def show_board_if_changed(folder: Path, console: Console) -> None:
    """As :func:`show_board`, but of a board that is newer than the plan and all records only where it lies.

    Raises:
        UserError: from :func:`report`.
    """
    board, ledger = folder / "leaderboard.html", folder / "ledger"  # the ledger: a record may have been taken away
    sources = (folder / "plan.json", ledger, *ledger.iterdir())
    if board.exists() and board.stat().st_mtime_ns > max(path.stat().st_mtime_ns for path in sources):
        _tell_where(folder, console, "; nothing in it has changed")
    else:
        show_board(folder, console)


def _tell_where(folder: Path, console: Console, more: str = "") -> None:
    files = f"also .md, .csv and .tex; figures in {folder / 'figures'}"
    console.print(f"board: {folder / 'leaderboard.html'} ({files}){more}", highlight=False)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Python looks for unreachable cycles only after a million new objects: each time it goes through all records,
    which have none, and by default that is a fifth of a large report's time."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
