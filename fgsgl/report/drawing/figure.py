"""The classes of a figure: what a file offers, what it draws, and what is written of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import pandas as pd

from fgsgl.report.drawing.axes import Canvas

Source = TypeVar("Source")
"""The input of a figure: :class:`fgsgl.report.drawing.inputs.Inputs` in a report."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """One drawn figure."""

    figure: Canvas
    table: pd.DataFrame
    """The numbers behind it."""
    caption: str
    """Whole sentences on what is drawn and over how much, from what was computed."""
    suffix: str = ""
    """Ends its file name where a figure has several sheets, one a protocol or clip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure(Generic[Source]):
    """A figure that a report can draw: the object ``FIGURE`` of a file in a folder of figures.

    :mod:`fgsgl.testing.figure_contract` says what its sheets must keep.
    """

    name: str
    """Name of its file with dashes for underscores; its image files begin with it."""
    title: str
    """Heading above its sheets, of one line."""
    draw: Callable[[Source], Iterator[Sheet]]
    """Its sheets: one, several, or none where the source holds nothing for it. A generator function of the file.

    Any exception that it raises leaves the figure out, with one line: the text of a
    :class:`~fgsgl.util.errors.UserError`, as for damaged predictions; of another the path of the file as well.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureFiles:
    """A sheet as the content of its files."""

    name: str
    title: str
    caption: str
    size_in: tuple[float, float]
    """Width and height for which its texts were drawn."""
    png: bytes
    pdf: bytes
    csv: str

    @property
    def files(self) -> dict[str, bytes | str]:
        """The contents by file name."""
        return {f"{self.name}.png": self.png, f"{self.name}.pdf": self.pdf, f"{self.name}.csv": self.csv}


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """The figures that were drawn, and one line for each that could not be."""

    figures: tuple[FigureFiles, ...]
    faults: tuple[str, ...]
