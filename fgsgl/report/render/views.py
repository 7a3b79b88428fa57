"""The tables of the HTML page: texts in rows, and of each number the rows of the board whose cells are behind it."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from fgsgl.report.ablations import render
from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board.audit_notes import NAMING, NOUNS, largest_counts, splits_of
from fgsgl.report.board.board import REFERENCE, Board, part_of, row_key
from fgsgl.report.board.notes import difference_notes, tuned_difference_notes
from fgsgl.report.board.published import published_notes
from fgsgl.report.board.rows import reference_of
from fgsgl.report.formatting import EMPTY, Headings, numeric_headings
from fgsgl.report.localisation.evaluate import WITHOUT
from fgsgl.report.localisation.render import MAP_HEADINGS, N_TEXTS, READOUT_HEADINGS, LocalisationTables
from fgsgl.report.render.tables import DIFFERENCES, PUBLISHED, Column, columns_of, headings_of
from fgsgl.util.escaping import printable

PAIRED = {
    "Difference", "95 % alone", "Seeds and subjects", "p (t)", "p (Holm)", "p (sign flip)", "McNemar p", "d_z",
    "Wins %", "Wins", render.ARMS[-1],
}  # fmt: skip
"""Headings of numbers with two rows behind them."""

DATA = (
    "Test clips", "Test subjects", "Clip ids in two splits", "Subjects in two splits", "Files in two splits (SHA-256)",
    "Sentences that name their class",
)  # fmt: skip
"""Headings of numbers on the data."""
WRAP = 24
"""Characters above which a column's texts wrap."""


class TableCell(NamedTuple):
    """One cell of a table; a tuple, since a large board has hundreds of thousands."""

    text: str
    link: str = ""
    """Indices of the board's rows behind it, joined by a plus; empty where there are none."""
    again: bool = False
    """An earlier cell of its row has the same link: the tab key stops at one of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableView:
    """One table."""

    name: str
    """Unique on the page."""
    title: str
    headings: Headings
    bodies: list[list[list[TableCell]]]
    """Rows in one body or several, which sorting keeps in their order; the last of several is the foot."""
    notes: Iterable[str] = ()

    @property
    def column_classes(self) -> list[str]:
        """The CSS classes of each column: ``number``, and ``long`` where a text must wrap."""
        rows = [row for body in self.bodies for row in body]
        long = [any(len(row[place].text) > WRAP for row in rows) for place in range(len(self.headings))]
        return [
            " ".join(name for name, holds in (("number", numeric), ("long", wraps)) if holds)
            for (_, numeric), wraps in zip(self.headings, long, strict=True)
        ]

    @property
    def size(self) -> int:
        """Rows of all bodies."""
        return sum(map(len, self.bodies))


class _Links:
    """Links of the page to rows of a board, by their place in its table."""

    def __init__(self, board: Board) -> None:
        rows = board.table.itertuples()
        self._place = {(row.method, row.variant, row.protocol): str(row.Index) for row in rows}

    def to(self, protocol: str, *rows: tuple[str, str]) -> str:
        """The link to rows of a protocol, each by method and variant; what is not on the board is passed over."""
        places = (self._place.get((*row, protocol)) for row in rows)
        return "+".join(dict.fromkeys(place for place in places if place))


def board_views(board: Board) -> list[TableView]:
    """The leaderboard, its costs, and published numbers; tuned rows stand apart, ceilings and floors at the foot."""
    columns = columns_of(board)
    main = [column for column in columns if not column.cost]
    cost = [columns[0], *(column for column in columns if column.cost)]
    names = [part_of(row) for row in board.table.itertuples()]
    parts = [board.table[[name in part for name in names]] for part in (("method",), ("tuned",), ("ceiling", "floor"))]
    parts = [part for part in parts[:2] if len(part)] + parts[2:]
    views = [
        _row_view(board, "board-table", "What was reached", main, parts, board.notes),
        _row_view(board, "cost-table", "On what, and at what cost", cost, parts, board.cost_notes),
    ]
    if len(board.published):
        lines = [[TableCell(text=column.text(row)) for column in PUBLISHED] for row in board.published.itertuples()]
        headings, notes = headings_of(PUBLISHED), published_notes(board.published)
        views.append(
            TableView(name="published", title="Published elsewhere", headings=headings, bodies=[lines], notes=notes)
        )
    return views


def statistics_views(board: Board) -> list[TableView]:
    """Every comparison with FG-SGL, or of a tuned row with its default, and the groups of tied rows."""
    views = []
    compared = board.table[board.table["diff_over"] != ""]
    tuned = pd.Series([part_of(row) == "tuned" for row in compared.itertuples()], index=compared.index, dtype=bool)
    for part, name, title, notes in (
        (compared[~tuned], "differences", "Against FG-SGL", difference_notes),
        (compared[tuned], "tuned-differences", "Tuned against the same method's default", tuned_difference_notes),
    ):
        if len(part):
            views.append(_row_view(board, name, title, DIFFERENCES, [part], notes(board.table)))
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in board.table.itertuples():
        for letter in re.findall(r"[A-Za-z]\d*", row.tied):
            groups[row.protocol, letter].append(row)
    if groups:
        headings = [("Group", False), ("Rows", False), ("Protocol", False)]
        lines = []
        for (protocol, letter), rows in groups.items():
            texts = letter, "; ".join(row.label for row in rows), protocol
            lines.append(_line(headings, texts, "+".join(str(row.Index) for row in rows)))
        views.append(TableView(name="tied", title="Cannot be told apart", headings=headings, bodies=[lines]))
    return views


def ablation_views(board: Board, ablations: Sequence[Ablation]) -> list[TableView]:
    """The arms of each design and, of a factorial, the effects of its factors; the notes stand under its last table."""
    links, views = _Links(board), []
    for number, ablation in enumerate(ablations, start=1):
        tables = _design_views(links, ablation, str(number))
        views += [*tables[:-1], replace(tables[-1], notes=render.notes(ablation))]
    return views


def _design_views(links: _Links, ablation: Ablation, number: str) -> list[TableView]:
    protocol, title = ablation.protocol_hash, render.title(ablation)
    rows = [(REFERENCE[0], variant or REFERENCE[1]) for variant in ablation.arms["variant"].drop_duplicates()]
    headings = numeric_headings(render.ARMS, texts=1)
    lines = [
        _line(headings, texts, links.to(protocol, row), links.to(protocol, row, rows[0]))
        for row, texts in zip(rows, render.arm_rows(ablation), strict=True)
    ]
    views = [TableView(name=f"arms-{number}", title=f"Arms: {title}", headings=headings, bodies=[lines])]
    if ablation.effects is not None:
        heads = render.EFFECTS, render.INTERACTIONS
        kinds = zip(("Effects", "Interactions"), heads, render.effect_rows(ablation), strict=True)
        for kind, texts, effects in kinds:
            headings = numeric_headings(texts, texts=1)
            lines = [_line(headings, effect, links.to(protocol, *rows)) for effect in effects]
            name = f"{kind.lower()}-{number}"
            views.append(TableView(name=name, title=f"{kind}: {title}", headings=headings, bodies=[lines]))
    return [view for view in views if view.size]


def localisation_views(board: Board, tables: LocalisationTables | None) -> list[TableView]:
    """Tables of attention maps and of sentences read out; none where no record measured them."""
    if tables is None:
        return []
    links, views = _Links(board), []
    for name, title, heads, rows in (
        ("looks", "Where recognizers look", MAP_HEADINGS, tables.maps),
        ("reads", "What can be read out", READOUT_HEADINGS, tables.readouts),
    ):
        headings, lines = numeric_headings(heads, texts=N_TEXTS), []
        for row, texts in rows:
            own = row.method, row.variant
            pair = links.to(row.protocol, own, WITHOUT)
            lines.append(_line(headings, texts, links.to(row.protocol, own), pair))
        views.append(TableView(name=name, title=title, headings=headings, bodies=[lines]))
    views = [view for view in views if view.size]
    return [*views[:-1], replace(views[-1], notes=tables.notes)]


def data_views(board: Board) -> list[TableView]:
    """The size of the board's data sets, and what their splits share."""
    headings = [("Data", False), ("Fingerprint", False), *numeric_headings(DATA, texts=0)]
    lines = []
    for (dataset, preset, _), records in splits_of(itertools.chain(*board.scored.values())).items():
        data, found = records[-1].data, largest_counts(records) or {}
        counts = (data.n_clips.test, data.n_subjects.test, *(found.get(name) for name in (*NOUNS, NAMING)))
        fingerprints = ", ".join(dict.fromkeys(record.data.fingerprint for record in records))
        texts = f"{dataset} {preset}", fingerprints, *(EMPTY if count is None else str(count) for count in counts)
        lines.append([TableCell(text=printable(text)) for text in texts])
    return [TableView(name="splits", title="Data, and what its splits share", headings=headings, bodies=[lines])]


def _row_view(
    board: Board, name: str, title: str, columns: Sequence[Column], parts: Iterable[pd.DataFrame], notes: Iterable[str]
) -> TableView:
    """A table of rows of the board, a body a part."""
    links, headings, bodies = _Links(board), headings_of(columns), []
    for part in parts:
        lines = []
        for row in part.itertuples():
            pair = links.to(row.protocol, (row.method, row.variant), reference_of(row_key(row))[:2])
            lines.append(_line(headings, [column.text(row) for column in columns], str(row.Index), pair))
        bodies.append(lines)
    return TableView(name=name, title=title, headings=headings, bodies=bodies, notes=notes)


def _line(headings: Headings, texts: Sequence[str], own: str, pair: str = "") -> list[TableCell]:
    """The first cell and every number lead to the cells of the row, a difference to those of its reference as well."""
    cells: list[TableCell] = []
    seen = set()
    for (heading, numeric), text in zip(headings, texts, strict=True):
        link = pair if heading in PAIRED and pair else own
        link = link if text != EMPTY and (numeric or not cells) else ""
        cells.append(TableCell(text, link, link in seen))
        seen.add(link)
    return cells
