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
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import numpy as np
from markupsafe import Markup
from PIL import Image

from fgsgl.records.record import Done, Environment, Failed, Record
from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board.board import Board, row_key
from fgsgl.report.figures import Written
from fgsgl.report.localisation.render import Looks
from fgsgl.report.render.tables import title
from fgsgl.report.render.views import (
    Cell,
    View,
    ablation_views,
    board_views,
    data_views,
    localisation_views,
    statistics_views,
)
from fgsgl.util.escaping import printable

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
        ablations: Of :func:`fgsgl.report.ablations.evaluate.ablations`.
        looks: Of :func:`fgsgl.report.localisation.render.write`.
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
        (printable(name), [(key, printable(str(value))) for key, value in sorted(protocol.as_dict().items())])
        for name, protocol in sorted(settings.items())
    ]


CLASS_VALUES = attrgetter("recall", "precision", "f1")


def page_data(board: Board) -> dict[str, Any]:
    """``labels`` of the board's rows, ``cells`` and their ``configs``, and ``classes``; fit for JSON.

    A cell is a list: index of its row, seed, status, top-1 in percent, seconds in total, id, commit, start, message,
    index of its settings among ``configs`` (a row's cells share theirs, so each is kept once, as the text of a JSON).
    None stands for what a cell does not have.
    """
    rows = {row_key(row): row.Index for row in board.table.itertuples()}
    configs: dict[str, int] = {}
    cells = [_cell(record, rows[key], configs) for key in rows for record in board.cells.get(key, ())]
    for cell in board.planned:
        cells.append([rows[cell.row], cell.seed, "planned", None, None, cell.cell_id, "", "", "", None])
    return {
        "labels": list(board.table["label"]),
        "cells": cells,
        "configs": list(configs),
        "classes": _classes([(rows[key], board.scored[key]) for key in rows if board.scored.get(key)]),
    }


def tally(board: Board) -> str:
    """How many rows and cells there are, and how many of these finished, failed or wait."""
    states: Counter[str] = Counter(record.status for records in board.cells.values() for record in records)
    states["planned"] = len(board.planned)
    counts = ", ".join(f"{states[state]} {state}" for state in ("done", "failed", "pruned", "planned") if states[state])
    return f"{len(board.table)} rows, {states.total()} cells: {counts}"


def _cell(record: Record, row: int, configs: dict[str, int]) -> list[Any]:
    failure = record.failure if isinstance(record, Failed) else None
    total_s = record.times_s.get("total")
    return [
        row,
        record.seed,
        f"failed: {failure.kind}" if failure else record.status,
        round(100 * record.metrics.top1, 1) if isinstance(record, Done) else None,
        None if total_s is None else round(total_s),
        record.cell_id,
        _commit(record.environment),
        record.started_utc,
        failure.message if failure else "",
        configs.setdefault(msgspec.json.encode(record.config, order="sorted").decode(), len(configs)),
    ]


def _commit(environment: Environment) -> str:
    """The commit's first digits, with a plus where the tree had changes."""
    commit = environment.git_commit
    return f"{commit[:10]}{'+' * bool(environment.git_dirty)}" if commit else ""


def _classes(scored: Sequence[tuple[int, Sequence[Record]]]) -> dict[str, Any]:
    """``sets`` of class names with their clips, and of each row its set and its ``values``, in percent."""
    sets: dict[tuple[tuple[str, ...], tuple[int, ...]], int] = {}
    rows = []
    for row, records in scored:
        first = records[0]
        names = tuple(first.data.classes), tuple(entry.n for entry in first.metrics.per_class)
        rows.append({"row": row, "set": sets.setdefault(names, len(sets)), "values": _class_means(records)})
    return {"sets": [{"names": names, "clips": clips} for names, clips in sets], "rows": rows}


def _class_means(records: Sequence[Record]) -> list[list[float | None]]:
    """Recall, precision and F1 of each class in percent: means over the seeds where the value is defined."""
    values_SC3 = np.array(
        [[CLASS_VALUES(entry) for entry in record.metrics.per_class] for record in records], dtype=float
    )
    defined_SC3 = ~np.isnan(values_SC3)
    count_C3 = defined_SC3.sum(axis=0)
    sum_C3 = np.where(defined_SC3, values_SC3, 0.0).sum(axis=0)
    mean_C3 = np.round(100 * sum_C3 / np.maximum(count_C3, 1), 1)
    return np.where(count_C3 > 0, mean_C3, None).tolist()
