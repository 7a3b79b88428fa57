"""The report as one self-contained HTML page: styles, script and figures inline, and nothing loaded from elsewhere.

The template escapes every text; what the script draws, it sets as text. A Content-Security-Policy allows this page's
own style and script by their hash, and no others.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from fgsgl.report.board import Board, printable
from fgsgl.report.cells import page_data, tally
from fgsgl.report.tables import EMPTY, Column, columns_of, title

PAGE = {suffix: Path(__file__).with_name(f"page.{suffix}") for suffix in ("html", "css", "js")}
Link = Callable[[Any, Column], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A table as the template draws it."""

    name: str
    """Unique on the page."""
    caption: str
    headings: list[tuple[str, bool]]
    """Text, and whether the column sorts as a number."""
    bodies: list[list[list[dict[str, Any]]]]
    """Cells of rows of bodies; sorting keeps the second body at the foot."""
    title: str = ""
    note: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Rows of all bodies."""
        return sum(map(len, self.bodies))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """A part of the page; its tables come first."""

    name: str
    title: str
    tables: Sequence[View] = ()
    paper: bool = True
    """Printed even while another tab is shown."""


def page(board: Board, images: Mapping[str, bytes]) -> str:
    """The page's text. ``images`` are PNGs by name, shown in their order."""
    data = page_data(board)
    tabs = [
        Tab(name="board", title="Board", tables=[_board(board)]),
        *([Tab(name="figures", title="Figures")] if images else ()),
        *([Tab(name="classes", title="Classes", paper=False)] if data["classes"]["rows"] else ()),
        Tab(name="cells", title="Cells", paper=False),
        Tab(name="protocol", title="Protocol"),
    ]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["digest"] = _digest
    html, css, js = (PAGE[suffix].read_text(encoding="utf-8") for suffix in ("html", "css", "js"))
    return environment.from_string(html).render(
        title=title(board),
        summary=tally(board),
        tabs=tabs,
        figures=[_figure(name, png) for name, png in images.items()],
        protocols=_protocols(board),
        data=data,
        style=Markup(css),
        script=Markup(js),
    )


def _digest(text: str) -> str:
    """As a Content-Security-Policy names the inline style or script that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _board(board: Board) -> View:
    """The measured methods, then the ceilings and floors, which sorting leaves at the foot."""
    foot = board.table["kind"] != "method"
    return _view(
        "board-table",
        "Leaderboard",
        columns_of(board),
        (board.table[~foot], board.table[foot]),
        link=lambda row, column: str(row.Index),
        note=board.note,
    )


def _view(
    name: str, caption: str, columns: Sequence[Column], bodies: Iterable[pd.DataFrame], link: Link, **more: Any
) -> View:
    """``link`` names the board's rows whose cells are behind a number: their indices, joined by a plus."""
    return View(
        name=name,
        caption=caption,
        headings=[(column.heading, column.value is not None) for column in columns],
        bodies=[[_row(row, columns, link) for row in body.itertuples()] for body in bodies],
        **more,
    )


def _row(row: Any, columns: Sequence[Column], link: Link) -> list[dict[str, Any]]:
    """Cells as the template reads them. The tab key stops at one link of several to the same records (``again``)."""
    cells, seen = [], set()
    for column in columns:
        text = column.text(row)
        target = link(row, column) if text != EMPTY and (column.value or not seen) else ""
        value = f"{column.value(row):.9g}" if column.value else None
        cells.append({"text": text, "value": value, "link": target, "again": target in seen})
        seen.add(target)
    return cells


def _figure(name: str, png: bytes) -> dict[str, Any]:
    """The image inline, with its size in pixels, so that nothing moves when it is drawn."""
    width, height = struct.unpack(">II", png[16:24])
    return {
        "name": name, "title": "", "width": width, "height": height, "data": base64.b64encode(png).decode()
    }  # fmt: skip


def _protocols(board: Board) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each protocol's hash with its settings."""
    settings = {record.protocol_hash: record.protocol for group in board.cells.values() for record in group}
    return [
        (printable(name), [(printable(key), printable(str(value))) for key, value in sorted(protocol.items())])
        for name, protocol in sorted(settings.items())
    ]
