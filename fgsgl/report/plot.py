"""A board's rows drawn into axes of one's own: each seed a dot, the mean and its interval a line. S seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fgsgl.report.board.board import row_key
from fgsgl.report.drawing.axes import seed_colours
from fgsgl.style import GREY, INK
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fgsgl.report.board.board import Board


def plot_top1(board: Board, axes: Axes) -> Axes:
    """Draws top-1 in percent, the best row above, floors and ceilings in grey.

    Args:
        board: from :func:`fgsgl.read_board` or :func:`fgsgl.run`.
        axes: of matplotlib; nothing else of its figure is touched.

    Returns:
        the axes.

    Raises:
        UserError: for a board without a row that has numbers.
    """
    rows = [row for row in board.table.itertuples() if row.n_seeds]
    if not rows:
        raise UserError(f"the board {board.folder} has no row with numbers, so there is nothing to plot")
    seeds = sorted({record.seed for row in rows for record in board.scored[row_key(row)]})
    colours_S = dict(zip(seeds, seed_colours(len(seeds)), strict=True))
    for height, row in enumerate(reversed(rows)):
        colour = INK if row.kind == "method" else GREY
        axes.hlines(height, 100 * row.top1_ci_low, 100 * row.top1_ci_high, colors=colour, lw=1.5)
        axes.plot(100 * row.top1, height, "|", color=colour, ms=11, mew=2)
        for record in board.scored[row_key(row)]:
            axes.plot(100 * record.metrics.top1, height, "o", ms=4, mfc="none", mec=colours_S[record.seed])
    axes.set_yticks(range(len(rows)), [row.label for row in reversed(rows)])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.set_xlabel("top-1 (%)")
    return axes
