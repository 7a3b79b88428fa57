"""The contract that every figure keeps, so that a new one can be trusted unseen: the tests run :func:`examine` on each.

T texts of a figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from fgsgl.report.drawing.axes import Canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.labels import slug
from fgsgl.style import STYLE
from fgsgl.testing.finding import BrokenPromise
from fgsgl.util.escaping import printable

WIDEST_IN, HIGHEST_IN = 9.0, 20.0
TOUCH_PX = 1.5
"""By how much the boxes of two texts may overlap, which are a little larger than their ink."""


def examine(figure: Figure[Any], source: Any) -> list[Sheet]:
    """Draws a figure's sheets, in the style of the report, and checks each against the contract.

    - The title is one line, and each sheet has a file name of its own.
    - The caption is one line of whole sentences, and the table behind the sheet has a row or more and named columns.
    - It is at most ``WIDEST_IN`` wide and ``HIGHEST_IN`` high, however many rows or classes there are.
    - Every text lies inside the figure, and no two overlap.

    Args:
        source: what the figure is drawn from: :class:`fgsgl.report.drawing.inputs.Inputs` in a report.

    Raises:
        BrokenPromise: naming the sheet and the rule that it breaks.
    """
    require(one_line(figure.title), f"{figure.name} has no title of one line")
    with matplotlib.rc_context(fname=STYLE):
        sheets = list(figure.draw(source))
    names = [f"{figure.name}{sheet.suffix}" for sheet in sheets]
    require(len(set(names)) == len(names), f"two sheets have one name: {names}")
    for name, sheet in zip(names, sheets, strict=True):
        require(name == slug(name), f"{name} is no safe file name")
        require(one_line(sheet.caption) and sheet.caption.endswith("."), f"{name} has no caption of whole sentences")
        require(len(sheet.table) > 0, f"{name} has no numbers behind it")
        require(all(isinstance(column, str) and column for column in sheet.table.columns), f"{name}: unnamed columns")
        width_in, height_in = sheet.figure.get_size_inches()
        require(width_in <= WIDEST_IN and height_in <= HIGHEST_IN, f"{name} is {width_in:.1f} x {height_in:.1f} inches")
        with matplotlib.rc_context(fname=STYLE):
            faults = misplaced(sheet.figure)
        require(not faults, f"{name}: {'; '.join(faults[:5])}")
    return sheets


def require(kept: bool, otherwise: str) -> None:
    """Raises :class:`BrokenPromise` with the text unless the promise is kept."""
    if not kept:
        raise BrokenPromise(otherwise)


def one_line(text: str) -> bool:
    """Whether there is a text, on one line and without control characters."""
    return bool(text.strip()) and text == printable(text)


def misplaced(figure: Canvas) -> list[str]:
    """The texts that the figure's edge cuts, and the pairs of texts that overlap."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    drawn = [text for text in _texts(figure) if text.get_visible() and text.get_text().strip()]
    texts = [text.get_text() for text in drawn]
    # The Text's own box: that of an annotation would enclose its arrow too.
    box_T4 = np.array([Text.get_window_extent(text, renderer).extents for text in drawn]).reshape(-1, 4)
    edge_4 = np.array([0, 0, *figure.bbox.size]) + TOUCH_PX * np.array([-1, -1, 1, 1])
    cut_T = (box_T4[:, :2] < edge_4[:2]).any(axis=1) | (box_T4[:, 2:] > edge_4[2:]).any(axis=1)
    low_TT2 = np.maximum(box_T4[:, None, :2], box_T4[None, :, :2])
    high_TT2 = np.minimum(box_T4[:, None, 2:], box_T4[None, :, 2:])
    touch_TT = np.triu((high_TT2 - low_TT2 > TOUCH_PX).all(axis=-1), k=1)
    faults = [f"{texts[index]!r} is cut at the edge" for index in np.flatnonzero(cut_T)]
    return faults + [f"{texts[one]!r} lies on {texts[other]!r}" for one, other in np.argwhere(touch_TT)]


def _texts(figure: Canvas) -> Iterator[Text]:
    ticks = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    hidden = {label for axis in ticks for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)}
    yield from (text for text in figure.findobj(Text) if text not in hidden and _shown(text.axes))
    for axis in ticks:
        low, high = sorted(axis.get_view_interval())
        drawn = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and _shown(axis.axes)]
        yield from (label for tick in drawn for label in (tick.label1, tick.label2))


def _shown(axes: Any) -> bool:
    """Whether axes, if a text has any, are drawn."""
    return axes is None or axes.axison
