"""`fgsgl report`: from a results folder's ledger to its leaderboard and figures. Everything is written here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.report.freshness import is_fresh, sources_of, write_stamp
from fgsgl.util.files import own_folder, write_whole

if TYPE_CHECKING:  # a command that finds its board unchanged imports no pandas
    import pandas as pd
    from rich.console import Console

    from fgsgl.report.board.board import Board
    from fgsgl.report.drawing.figure import FigureFiles


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A board that has been written."""

    board: Board
    faults: tuple[str, ...]
    """One line for each figure that could not be drawn."""


def report(folder: Path) -> Report:
    """Writes a board into its folder: ``leaderboard.{md,csv,tex,html}`` and ``figures/*.{png,pdf,csv}``; also
    ``ablation.{md,csv}`` where it has designs, ``localisation.{md,csv}`` where a cell measured it, and
    ``regimes.{md,csv}`` where classes were held out.

    Reads ``<folder>/ledger`` and, where there is one, ``<folder>/plan.json``; the same ledger gives the same files.
    ``board.json`` keeps what they were made from (:mod:`fgsgl.report.freshness`).

    Raises:
        UserError: for a missing, foreign or damaged record, a damaged plan, or a board without its floor.
    """
    from fgsgl.report import figures
    from fgsgl.report.ablations import render as ablation_text
    from fgsgl.report.ablations.evaluate import ablations
    from fgsgl.report.board.board import read_board
    from fgsgl.report.csv_text import csv_text
    from fgsgl.report.drawing.draw import draw_all
    from fgsgl.report.drawing.inputs import Inputs
    from fgsgl.report.drawing.scan import scan
    from fgsgl.report.localisation import render as localisation_text
    from fgsgl.report.localisation.evaluate import localisation
    from fgsgl.report.regimes import render as regime_text
    from fgsgl.report.regimes.evaluate import regimes
    from fgsgl.report.render.figure_data import figure_data
    from fgsgl.report.render.html import page
    from fgsgl.report.render.latex import latex
    from fgsgl.report.render.tables import csv, markdown

    sources = sources_of(folder)
    board = read_board(folder)
    designs, localised = ablations(board), localisation(board)
    tables = localisation_text.localisation_tables(board, localised)
    held_out = regimes(board)
    of_regimes = regime_text.regime_tables(held_out)
    texts = {
        "leaderboard.md": markdown(board),
        "leaderboard.csv": csv(board),
        "leaderboard.tex": latex(board),
    }
    if designs:
        texts |= {"ablation.md": ablation_text.markdown(designs), "ablation.csv": ablation_text.csv(designs)}
    if tables:
        texts |= {
            "localisation.md": localisation_text.markdown(tables),
            "localisation.csv": csv_text(localised),
        }
    if of_regimes:
        texts |= {"regimes.md": regime_text.markdown(of_regimes), "regimes.csv": regime_text.csv(held_out)}
    for name, text in texts.items():  # before anything is drawn, which takes longest
        write_whole(folder / name, text)
    charted = figure_data(board)  # what it reads of predictions, the processes that draw then have too
    drawing = draw_all(scan(figures), Inputs(board, designs))
    written = write_figures(folder, drawing.figures)
    write_whole(folder / "leaderboard.html", page(board, drawing.figures, designs, tables, charted, of_regimes))
    if not drawing.faults:  # else the next command tries again
        write_stamp(folder, sources, [*written, *(folder / name for name in (*texts, "leaderboard.html"))])
    return Report(board=board, faults=drawing.faults)


def write_figures(folder: Path, drawn: Iterable[FigureFiles]) -> list[Path]:
    """Writes figures as ``figures/<name>.{png,pdf,csv}`` below a board's folder, and returns the paths.

    Raises:
        UserError: for a folder that is a link, which may lead out of the board's.
    """
    written = []
    for figure in drawn:
        figures = own_folder(folder / "figures")  # not made where nothing is drawn
        for name, content in figure.files.items():
            write_whole(figures / name, content)
            written.append(figures / name)
    return written


def write_contrasts(folders: Sequence[Path]) -> pd.DataFrame:
    """Writes ``contrasts.{md,csv}`` of several boards into the folder of the first, and returns the table.

    Raises:
        UserError: from :func:`fgsgl.report.contrast.contrasts`.
    """
    from fgsgl.report.contrast import contrasts, markdown
    from fgsgl.report.csv_text import csv_text

    table = contrasts(folders)
    write_whole(folders[0] / "contrasts.csv", csv_text(table))
    write_whole(folders[0] / "contrasts.md", markdown(table))
    return table


def show_board(folder: Path, console: Console) -> bool:
    """Writes the board from the ledger, prints it with its notes, and prints where it lies.

    Returns:
        Whether every figure could be drawn.

    Raises:
        UserError: from :func:`report`.
    """
    from fgsgl.report.board.floors import completing_command, missing_floors
    from fgsgl.report.render.tables import console_table

    made = report(folder)
    console.print(console_table(made.board, console.width))
    for line in (*made.board.notes, *made.board.cost_notes):
        console.print(line, markup=False, highlight=False, style="dim")
    for missing in missing_floors(made.board.table, made.board.scored):
        command = completing_command(missing, folder)
        console.print(f"to add {missing.names}: {command}", markup=False, highlight=False, soft_wrap=True)
    for fault in made.faults:
        console.print(f"figure left out: {fault}", markup=False, highlight=False, soft_wrap=True)
    _print_location(folder, console)
    return not made.faults


def show_board_if_changed(folder: Path, console: Console) -> bool:
    """Does what :func:`show_board` does, or prints only the location where nothing that it reads or wrote has changed.

    Raises:
        UserError: from :func:`report`.
    """
    if is_fresh(folder):
        _print_location(folder, console, "; nothing in it has changed")
        return True
    return show_board(folder, console)


def _print_location(folder: Path, console: Console, more: str = "") -> None:
    files = f"also .md, .csv and .tex; figures in {folder / 'figures'}"
    console.print(f"board: {folder / 'leaderboard.html'} ({files}){more}", markup=False, highlight=False)
