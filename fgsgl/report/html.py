"""The report as one self-contained HTML page: styles, script and figures inline, and nothing loaded from elsewhere.

The template escapes every text; what the script draws, it sets as text. A Content-Security-Policy allows this page's
own style and script by their hash, and no others.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup
from PIL import Image

from fgsgl.escape import printable
from fgsgl.report.ablation import Ablation
from fgsgl.report.board import Board
from fgsgl.report.cells import page_data, tally
from fgsgl.report.figures import Written
from fgsgl.report.localisation import Looks
from fgsgl.report.tables import title
from fgsgl.report.views import Cell, View, ablation_views, board_views, data_views, localisation_views, statistics_views

PAGE = {suffix: Path(__file__).with_name(f"page.{suffix}") for suffix in ("html", "css", "js")}
CSS_DPI = 96


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """A part of the page."""

    name: str
    title: str
    views: Sequence[View] = ()
    paper: bool = True
    """Printed even while another tab is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A figure as the page holds it."""

    name: str
    title: str
    caption: str
    width: int
    """In CSS pixels, at which its text has the size that it was drawn for."""
    height: int
    data: str
    """PNG in base64."""


def page(board: Board, figures: Iterable[Written], ablations: Sequence[Ablation], looks: Looks | None) -> str:
    """The page's text; a tab without content is left out.

    Args:
        board: Its rows and cells.
        figures: Shown in their order; asked for when the tables before them stand, since they may still be being drawn.
        ablations: Of :func:`fgsgl.report.ablation.ablations`.
        looks: Of :func:`fgsgl.report.localisation.write`.
    """
    data = page_data(board)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"digest": _digest, "lines": _lines}
    template, css, js = (PAGE[suffix].read_text(encoding="utf-8") for suffix in ("html", "css", "js"))
    tabs = (
        Tab(name="board", title="Board", views=board_views(board)),
        Tab(name="ablation", title="Ablation", views=ablation_views(board, ablations)),
        Tab(name="statistics", title="Statistics", views=statistics_views(board)),
        Tab(name="localisation", title="Localisation", views=localisation_views(board, looks)),
    )
    pictures = map(_picture, figures)
    first = list(itertools.islice(pictures, 1))
    return environment.from_string(template).render(
        title=title(board),
        summary=tally(board),
        tabs=[
            *(tab for tab in tabs if tab.views),
            *([Tab(name="figures", title="Figures")] if first else ()),
            *([Tab(name="classes", title="Classes", paper=False)] if data["classes"]["rows"] else ()),
            Tab(name="cells", title="Cells", paper=False),
            Tab(name="protocol", title="Protocol", views=data_views(board)),
        ],
        figures=itertools.chain(first, pictures),
        protocols=_protocols(board),
        data=data,
        style=Markup(css),
        script=Markup(js),
    )


def _lines(body: Sequence[Sequence[Cell]], looks: Sequence[str]) -> Markup:
    """The rows of a table's body. The template's own loop takes five times as long, and escapes no better."""
    escape = functools.cache(html.escape)  # the same few numbers and names fill a large board
    opened = ['<th scope="row">', *(f'<td class="{look}">' if look else "<td>" for look in looks[1:])]
    closed = ["</th>", *("</td>" for _ in looks[1:])]
    lines = []
    for row in body:
        lines.append("<tr>")
        for before, (text, link, again), after in zip(opened, row, closed, strict=True):
            shown = escape(text)
            if link:
                skipped = ' tabindex="-1"' if again else ""
                shown = f'<a href="#cells/{escape(link)}"{skipped}>{shown}</a>'
            lines.append(f"{before}{shown}{after}")
        lines.append("</tr>")
    return Markup("\n".join(lines))


def _digest(text: str) -> str:
    """As a Content-Security-Policy names the inline style or script that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _picture(figure: Written) -> Picture:
    png = figure.png.read_bytes()
    with Image.open(io.BytesIO(png)) as image:
        width, height = (round(size * CSS_DPI / image.info["dpi"][0]) for size in image.size)
    return Picture(
        name=figure.name, title=figure.title, caption=printable(figure.caption), width=width, height=height,
        data=base64.b64encode(png).decode(),
    )  # fmt: skip


def _protocols(board: Board) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each protocol's hash with its settings."""
    settings = {record.protocol_hash: record.protocol for group in board.cells.values() for record in group}
    return [
        (printable(name), [(printable(key), printable(str(value))) for key, value in sorted(protocol.items())])
        for name, protocol in sorted(settings.items())
    ]
