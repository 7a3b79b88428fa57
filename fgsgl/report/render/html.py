"""The report as one self-contained HTML page: styles, script and figures inline, and nothing loaded from elsewhere.

The template escapes every text; what the script draws, it sets as text. A Content-Security-Policy allows this page's
own style and script by their hash, and no others.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board import answer
from fgsgl.report.board.board import Board, part_of
from fgsgl.report.drawing.figure import FigureFiles
from fgsgl.report.formatting import percent
from fgsgl.report.localisation.render import LocalisationTables
from fgsgl.report.regimes.render import RegimeTable
from fgsgl.report.render.charts import chart_style, charts_of, pictures
from fgsgl.report.render.page_columns import PLOT
from fgsgl.report.render.page_data import page_data
from fgsgl.report.render.tables import title
from fgsgl.report.render.views import (
    TableView,
    ablation_views,
    board_views,
    data_views,
    localisation_views,
    regime_views,
    statistics_views,
)
from fgsgl.util.escaping import printable

MOST_LINES = 6
"""Floors, and ceilings, that the line under the leaderboard names."""
PAGE = [
    Path(__file__).parent / name for name in ("page.html", "page.css", "page.js", "figures.js", "vendor/plot.min.js")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """A part of the page."""

    name: str
    title: str
    views: Sequence[TableView] = ()
    paper: bool = True
    """Printed even while another tab is shown."""


def page(
    board: Board,
    figures: Sequence[FigureFiles],
    ablations: Sequence[Ablation],
    localised: LocalisationTables | None,
    charted: Mapping[str, Any] | None = None,
    regimes: Sequence[RegimeTable] = (),
) -> str:
    """The page's text; a tab without content is left out.

    Args:
        board: its rows and cells.
        figures: shown in their order; those that the page's script can draw itself are links.
        ablations: from :func:`fgsgl.report.ablations.evaluate.ablations`.
        localised: from :func:`fgsgl.report.localisation.render.localisation_tables`.
        charted: from :func:`fgsgl.report.render.figure_data.figure_data`; None: every figure is a picture.
        regimes: from :func:`fgsgl.report.regimes.render.regime_tables`.
    """
    data = page_data(board)
    charts = [] if charted is None else charts_of(figures)
    drawn = {name for chart in charts for name in chart.files}
    others = [figure for figure in figures if figure.name not in drawn]
    embedded = pictures(others)
    if charts:
        data["figures"] = charted
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"digest": _digest, "printable": printable}
    template, css, js, figures_js, library = (path.read_text(encoding="utf-8") for path in PAGE)
    own = Tab(name="board", title="Board", views=board_views(board, ablations))
    held_out = Tab(name="regimes", title="Unseen classes", views=regime_views(board, regimes))
    # The first tab is open: where classes were held out everywhere, top-1 over all clips is not what was asked.
    first = (held_out, own) if all(protocol.unseen for protocol in board.protocols.values()) else (own, held_out)
    tabs = (
        *first,
        Tab(name="ablation", title="Ablation", views=ablation_views(board, ablations)),
        Tab(name="statistics", title="Statistics", views=statistics_views(board)),
        Tab(name="localisation", title="Localisation", views=localisation_views(board, localised)),
    )
    return environment.from_string(template).render(
        title=title(board),
        answers=answers(board, regimes),
        lines=_lines(board),
        summary=tally(board),
        plot=PLOT,
        tabs=[
            *(tab for tab in tabs if tab.views),
            *([Tab(name="figures", title="Figures")] if figures else ()),
            *([Tab(name="classes", title="Classes", paper=False)] if data["classes"]["rows"] else ()),
            Tab(name="cells", title="Cells", paper=False),
            Tab(name="protocol", title="Protocol", views=data_views(board)),
        ],
        charts=charts,
        figures=[figure for figure in others if figure.name in embedded],
        pictures=embedded,
        more=[figure.name for figure in others if figure.name not in embedded],
        protocols=_protocols(board),
        data=data,
        style=Markup(css),
        chart_style=chart_style(library),
        library=Markup(library),
        script=Markup(f"{js}\n{figures_js}" if charts else js),
    )


def answers(board: Board, regimes: Sequence[RegimeTable]) -> tuple[str, ...]:
    """The sentences that answer a board: of each regime with unseen classes, and of each other protocol."""
    held_out = {name for name, protocol in board.protocols.items() if protocol.unseen}
    others = board.table[~board.table["protocol"].isin(held_out)]
    return (*(table.answer for table in regimes if table.answer), *answer.answers(others))


def tally(board: Board) -> str:
    """Counts of rows and of cells: finished, failed, pruned and planned."""
    states: Counter[str] = Counter(record.status for records in board.cells.values() for record in records)
    states["planned"] = len(board.planned)
    counts = ", ".join(f"{states[state]} {state}" for state in ("done", "failed", "pruned", "planned") if states[state])
    return f"{len(board.table)} rows, {states.total()} cells: {counts}"


def _lines(board: Board) -> list[str]:
    """Floors and ceilings with their top-1: what the dashed lines of the table are, and what is off its scale."""
    found = []
    for part, name in (("floor", "floors"), ("ceiling", "ceilings")):
        rows = [row for row in board.table.itertuples() if part_of(row) == part and row.n_seeds]
        if rows:
            found.append(f"{name}: {', '.join(f'{row.label} {percent(row.top1)} %' for row in rows[:MOST_LINES])}")
    return found


def _protocols(board: Board) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each protocol's hash with its settings."""
    settings = {record.protocol_hash: record.protocol for group in board.cells.values() for record in group}
    return [
        (printable(name), [(key, printable(str(value))) for key, value in sorted(protocol.as_dict().items())])
        for name, protocol in sorted(settings.items())
    ]


def _digest(text: str) -> str:
    """The name by which a Content-Security-Policy allows an inline style or script."""
    return f"sha256-{_base64(hashlib.sha256(text.encode()).digest())}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
