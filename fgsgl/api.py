"""The public face of the suite for Python; :mod:`fgsgl` offers its names, and imports them when they are first used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgsgl.methods.cell import Variant
from fgsgl.records.ledger import Ledger
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.records.record import Record
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fgsgl.data.datasets.base import DataSet
    from fgsgl.methods.method import Method
    from fgsgl.prediction.recognizer import Recognizer
    from fgsgl.prediction.trained import Trained
    from fgsgl.report.board.board import Board

__all__ = [
    "Ledger",
    "Protocol",
    "Record",
    "UserError",
    "Variant",
    "list_datasets",
    "list_methods",
    "load_recognizer",
    "plot_top1",
    "read_board",
    "run",
    "trained",
]


def read_board(folder: str | Path) -> Board:
    """A board from the records of its folder; nothing is written.

    >>> import fgsgl
    >>> board = fgsgl.read_board("results/synmg-2")
    >>> board.table[["label", "n_seeds"]].head(1).to_dict("records")
    [{'label': 'FG-SGL', 'n_seeds': 8}]

    Returns:
        its ``table`` is a DataFrame with a line for each row. Shares such as ``top1`` are 0 to 1 in it, differences
        are in percentage points; ``leaderboard.csv`` has percent (``top1_pct``).

    Raises:
        UserError: for a missing, foreign or damaged record, or a board without its floor.
    """
    from fgsgl.report.board.board import read_board as read

    return read(Path(folder))


def run(
    variants: Sequence[str | Variant] = ("fgsgl",),
    *,
    dataset: str = "synmg",
    preset: str | None = None,
    root: str | Path | None = None,
    seeds: int = 1,
    out: str | Path | None = None,
    device: str = "auto",
    ceilings: bool = True,
    quiet: bool = False,
    folds: int | None = None,
    transfer_root: str | Path | None = None,
    **protocol: Any,
) -> Board:
    """Trains and evaluates methods under one protocol, as ``fgsgl run`` does, and returns their board.

    Finished cells are not run again, and an interrupted call goes on where it was.

    Args:
        variants: names of methods (:func:`list_methods` has all), or methods with some of their settings changed.
        dataset, preset: what is compared on; the preset defaults to the one that the data call for, mostly the first.
        root: the data set's folder, or the table of your own clips with ``dataset="csv"``.
        seeds: paired seeds 0..n-1.
        out: the board's folder; None: that of ``fgsgl run``, below ``results/local``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        ceilings: run the ceilings too, such as SynMG's oracles.
        quiet: print nothing.
        folds: with ``unseen`` among the fields of the protocol: folds 0..n-1 of unseen classes.
        transfer_root: with ``transfer`` among them: the folder or table of the data that are trained on.
        protocol: fields of :class:`fgsgl.records.protocol.Protocol`, such as ``epochs=5``.

    Raises:
        UserError: for bad input, before anything is trained where that is possible.
    """
    from rich.console import Console

    from fgsgl.data.data_spec import results_name
    from fgsgl.methods.registry import get
    from fgsgl.running.execution import Execution
    from fgsgl.running.experiment import Experiment
    from fgsgl.running.experiment import run as run_experiment
    from fgsgl.util.terminal import wide_console

    chosen = [one if isinstance(one, Variant) else Variant(method=get(one).name) for one in variants]
    data = None if root is None else Path(root)
    trained_on = None if transfer_root is None else Path(transfer_root)
    frozen = default_protocol(dataset, preset, root=data, transfer_root=trained_on, **protocol)
    folder = Path(out or Path("results/local") / results_name(frozen.dataset, frozen.preset, data))
    experiment = Experiment(
        variants=tuple(chosen), protocol=frozen, seeds=seeds, out=folder, root=data, execution=Execution(device=device),
        ceilings=ceilings, folds=folds, transfer_root=trained_on,
    )  # fmt: skip
    run_experiment(experiment, Console(quiet=True) if quiet else wide_console(), lambda *_: True)
    return read_board(folder)


def trained(folder: str | Path, what: str | None = None) -> Trained:
    """A finished cell of a board with its weights.

    Args:
        folder: the board's.
        what: a row ("FG-SGL w/o fgsa"), a row and a seed ("FG-SGL, seed 0"), or the beginning of a cell's id. Of a row
            the first seed is taken. None: FG-SGL's best row.

    Raises:
        UserError: if there is no such cell, it sees no video, or its checkpoint is gone.
    """
    from fgsgl.prediction.choice import chosen_cell

    folder = Path(folder)
    record = chosen_cell(folder, what)  # before the imports that take seconds, so that a mistyped name is told at once
    from fgsgl.prediction.trained import trained_cell

    return trained_cell(folder, record)


def load_recognizer(source: str | Path, what: str | None = None, device: str = "auto") -> Recognizer:
    """A trained recognizer, ready to name what videos show.

    Args:
        source: a board's folder, or a file that ``fgsgl export`` wrote.
        what: of a board, as for :func:`trained`.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UserError: if there is no such cell or file, or its weights do not fit.
    """
    source = Path(source)
    if not source.exists():
        raise UserError(f"no board and no model file at {source}; give a board's folder or a file of `fgsgl export`")
    found = trained(source, what) if source.is_dir() else None
    from fgsgl.prediction.model_file import read_model
    from fgsgl.prediction.recognizer import Recognizer

    return Recognizer(found or read_model(source), device)


def plot_top1(board: Board, axes: Axes) -> Axes:
    """Draws the top-1 of a board's rows into axes of your own: each seed a dot, the mean and its interval a line.

    >>> import fgsgl
    >>> from matplotlib.figure import Figure
    >>> axes = fgsgl.plot_top1(fgsgl.read_board("results/synmg-2"), Figure().subplots())
    >>> axes.get_xlabel()
    'top-1 (%)'

    Raises:
        UserError: for a board without a row that has numbers.
    """
    from fgsgl.report.plot import plot_top1 as plot

    return plot(board, axes)


def list_methods() -> dict[str, Method]:
    """Every usable method by name.

    >>> import fgsgl
    >>> fgsgl.list_methods()["tsm"].display_name
    'TSM'
    """
    from fgsgl.methods.registry import scan

    return dict(scan())


def list_datasets() -> dict[str, DataSet]:
    """Every usable data set by name.

    >>> import fgsgl
    >>> sorted(fgsgl.list_datasets()["synmg"].presets)
    ['hard', 'quick', 'smoke', 'standard']
    """
    from fgsgl.data import datasets as registry

    return {name: registry.get(name) for name in registry.names_where(lambda _: True)}
