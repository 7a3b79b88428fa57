"""The tables of the HTML page: texts in rows, each with one link to what is behind it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from fgsgl.report.ablations import render
from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board.answer import letters_of, tied_with_best
from fgsgl.report.board.audit_notes import NAMING, NOUNS, largest_counts, splits_of
from fgsgl.report.board.board import REFERENCE, Board, part_of
from fgsgl.report.board.comparisons import PRIMARY
from fgsgl.report.board.notes import difference_notes, tuned_difference_notes
from fgsgl.report.board.published import published_notes
from fgsgl.report.formatting import EMPTY, Headings, numeric_headings
from fgsgl.report.localisation.evaluate import WITHOUT
from fgsgl.report.localisation.render import MAP_HEADINGS, N_TEXTS, READOUT_HEADINGS, LocalisationTables
from fgsgl.report.regimes import render as regimes
from fgsgl.report.regimes.render import RegimeTable
from fgsgl.report.render.page_columns import (
    COSTS_SHOWN,
    PLOT,
    REGIMES_PHONE,
    REGIMES_SHOWN,
    SHOWN,
    UNSEEN_SHOWN,
    Head,
    heads,
)
from fgsgl.report.render.row_plot import Plotted, axis, row_plot, scale_of, scales_of
from fgsgl.report.render.tables import DIFFERENCES, PUBLISHED, TOP1, Column, columns_of, headings_of
from fgsgl.util.escaping import printable

DATA = (
    "Test clips", "Test subjects", "Clip ids in two splits", "Subjects in two splits", "Files in two splits (SHA-256)",
    "Sentences that name their class",
)  # fmt: skip
"""Headings of numbers on the data."""
ALWAYS = (REFERENCE, WITHOUT, ("", ""))
"""Rows whose localisation is shown first and open: FG-SGL, what it is compared with, and maps that see no clip."""
MOST_LOCALISED = 12
"""Rows of a board whose localisation the page has."""
MOST_LETTERS = 6
"""Letters of ties in a row up to which their column is shown at first."""
WRAP = 24
"""Characters above which a column's texts wrap."""


class TableRow(NamedTuple):
    """One row of a table; a tuple, since a large board has thousands."""

    texts: Sequence[str]
    """One a column; the drawing of a row is markup of our own."""
    link: str = ""
    """Part of the page that the first column leads to: ``row/3``, ``cells/3+0``; empty where there is none."""
    name: str = ""
    """CSS classes: ``reference``, ``best``."""
    groups: tuple[str, str] = ("", "")
    """Its family and its design, to group the table by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableView:
    """One table."""

    name: str
    """Unique on the page."""
    title: str
    headings: Headings
    bodies: list[list[TableRow]]
    """Rows in one body or several, which sorting keeps in their order; the last of several is the foot."""
    notes: Iterable[str] = ()
    shown: set[str] | None = None
    """Columns that are shown at first; None: all."""
    phone: set[str] | None = None
    """Columns that a phone shows at first; None: those that it shows of every table."""
    folded: bool = False
    """Only its title is shown until it is opened."""
    axis: Markup | None = None
    """The axis above the column of drawings, where all rows share one."""

    @property
    def heads(self) -> list[Head]:
        """The heading of each column."""
        return heads(self.headings, self.shown, self.phone)

    @property
    def column_classes(self) -> list[str]:
        """The CSS classes of each column: ``number``, and ``long`` where a text must wrap."""
        rows = [row.texts for body in self.bodies for row in body]
        long = [
            heading != PLOT and any(len(texts[place]) > WRAP for texts in rows)
            for place, (heading, _) in enumerate(self.headings)
        ]
        return [
            "plotted" if heading == PLOT else " ".join(["number"] * numeric + ["long"] * wraps)
            for (heading, numeric), wraps in zip(self.headings, long, strict=True)
        ]

    @property
    def marks(self) -> frozenset[str]:
        """CSS classes of its rows, which a legend explains; of a table without drawings none."""
        if not any(heading == PLOT for heading, _ in self.headings):
            return frozenset()
        return frozenset(mark for body in self.bodies for row in body for mark in row.name.split())

    @property
    def is_grouped(self) -> bool:
        """Whether its rows have families or designs to group them by."""
        return any(any(row.groups) for body in self.bodies for row in body)

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
        """The link to the cells of rows of a protocol, each by method and variant; what is not on the board is passed
        over."""
        places = (self._place.get((*row, protocol)) for row in rows)
        found = "+".join(dict.fromkeys(place for place in places if place))
        return f"cells/{found}" if found else ""


def board_views(board: Board, ablations: Sequence[Ablation] = ()) -> list[TableView]:
    """The leaderboard, its costs, and published numbers; tuned rows stand apart, ceilings and floors at the foot."""
    columns = columns_of(board)
    scales = scales_of(board.table)  # none of a protocol where nothing is scored
    drawing = Column(
        heading=PLOT, text=lambda row: row_plot(row, scales[row.protocol]) if row.protocol in scales else ""
    )
    main = [column for column in columns if not column.cost]
    main[1:1] = [drawing]
    cost = [columns[0], TOP1, *(column for column in columns if column.cost)]
    designs = _designs(ablations)
    names = [part_of(row) for row in board.table.itertuples()]
    parts = [board.table[[name in part for name in names]] for part in (("method",), ("tuned",), ("ceiling", "floor"))]
    parts = [part for part in parts[:2] if len(part)] + parts[2:]
    results = _row_view(board, "board-table", "What was reached", main, parts, board.notes, designs)
    shown = UNSEEN_SHOWN if "unseen" in board.table else SHOWN
    if board.table["tied"].str.len().max() > MOST_LETTERS:  # the edge of the rows says what is tied with the best
        shown = shown - {"Tied"}
    views = [
        replace(
            results,
            shown=shown,
            axis=axis(next(iter(scales.values()))) if len(scales) == 1 else None,
        ),
        replace(
            _row_view(board, "cost-table", "On what, and at what cost", cost, parts, board.cost_notes, designs),
            shown=COSTS_SHOWN,
        ),
    ]
    if len(board.published):
        lines = [TableRow([column.text(row) for column in PUBLISHED]) for row in board.published.itertuples()]
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
        for letter in letters_of(row):
            groups[row.protocol, letter].append(row)
    if groups:
        headings = [("Group", False), ("Rows", False), ("Protocol", False)]
        lines = []
        for (protocol, letter), rows in groups.items():
            texts = letter, "; ".join(row.label for row in rows), protocol
            lines.append(TableRow(texts, "cells/" + "+".join(str(row.Index) for row in rows)))
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
        TableRow(texts, links.to(protocol, row, rows[0]))
        for row, texts in zip(rows, render.arm_rows(ablation), strict=True)
    ]
    views = [TableView(name=f"arms-{number}", title=f"Arms: {title}", headings=headings, bodies=[lines])]
    if ablation.effects is not None:
        heads = render.EFFECTS, render.INTERACTIONS
        kinds = zip(("Effects", "Interactions"), heads, render.effect_rows(ablation), strict=True)
        for kind, texts, effects in kinds:
            headings = numeric_headings(texts, texts=1)
            lines = [TableRow(effect, links.to(protocol, *rows)) for effect in effects]
            name = f"{kind.lower()}-{number}"
            views.append(TableView(name=name, title=f"{kind}: {title}", headings=headings, bodies=[lines]))
    return [view for view in views if view.size]


def localisation_views(board: Board, tables: LocalisationTables | None) -> list[TableView]:
    """Tables of attention maps and of sentences read out, one a method; those of FG-SGL and of the row that all are
    compared with are open. None where no record measured them.
    """
    if tables is None:
        return []
    links, views, left_out = _Links(board), [], 0
    for name, title, columns, rows in (
        ("looks", "Where recognizers look", MAP_HEADINGS, tables.maps),
        ("reads", "What can be read out", READOUT_HEADINGS, tables.readouts),
    ):
        headings, groups = numeric_headings(columns, texts=N_TEXTS), defaultdict(list)
        for row, texts in rows:
            own = row.method, row.variant
            link = links.to(row.protocol, own, WITHOUT) if row.label else ""
            groups[row.label, own].append(TableRow(texts, link))
        first = sorted(groups, key=lambda group: group[1] not in ALWAYS)[:MOST_LOCALISED]
        left_out = max(left_out, len(groups) - len(first))
        for place, (label, own) in enumerate(first):
            views.append(
                TableView(
                    name=f"{name}-{place}",
                    title=f"{title}: {label or 'maps that see no clip'}",
                    headings=headings,
                    bodies=[groups[label, own]],
                    folded=own not in ALWAYS,
                )
            )
    more = [f"{left_out} more rows are in localisation.md and localisation.csv."] if left_out else []
    return [*views[:-1], replace(views[-1], notes=[*tables.notes, *more])]


def regime_views(board: Board, tables: Sequence[RegimeTable]) -> list[TableView]:
    """The rows of each regime with unseen classes; a row leads to its cells of the first fold."""
    links, views = _Links(board), []
    headings = regimes.headings()
    headings[1:1] = [(PLOT, False)]
    for number, table in enumerate(tables, start=1):
        plotted = [Plotted.of_regime(row.first, place) for place, row in enumerate(table.rows)]
        scale = scale_of(plotted, ())
        bodies: tuple[list[TableRow], list[TableRow]] = ([], [])
        for row, one in zip(table.rows, plotted, strict=True):
            drawing = "" if scale is None else row_plot(one, scale)
            texts = (row.texts[0], drawing, *row.texts[1:])
            mark = "reference" if row.name == REFERENCE else ""
            bodies[one.kind != "method"].append(TableRow(texts, links.to(table.protocol, row.name, REFERENCE), mark))
        views.append(
            TableView(
                name=f"regime-{number}", title=table.title, headings=headings, notes=table.notes, bodies=list(bodies),
                shown=REGIMES_SHOWN | ({"Note"} if any(row.texts[-1] != EMPTY for row in table.rows) else set()),
                phone=REGIMES_PHONE, axis=None if scale is None else axis(scale),
            )
        )  # fmt: skip
    return views


def data_views(board: Board) -> list[TableView]:
    """The size of the board's data sets, and what their splits share."""
    headings = [("Data", False), ("Fingerprint", False), *numeric_headings(DATA, texts=0)]
    lines = []
    for (dataset, preset, _), records in splits_of(itertools.chain(*board.scored.values())).items():
        data, found = records[-1].data, largest_counts(records) or {}
        counts = (data.n_clips.test, data.n_subjects.test, *(found.get(name) for name in (*NOUNS, NAMING)))
        fingerprints = ", ".join(dict.fromkeys(record.data.fingerprint for record in records))
        texts = f"{dataset} {preset}", fingerprints, *(EMPTY if count is None else str(count) for count in counts)
        lines.append(TableRow([printable(text) for text in texts]))
    return [TableView(name="splits", title="Data, and what its splits share", headings=headings, bodies=[lines])]


def _row_view(
    board: Board, name: str, title: str, columns: Sequence[Column], parts: Iterable[pd.DataFrame], notes: Iterable[str],
    designs: Mapping[tuple[str, str], str] | None = None,
) -> TableView:  # fmt: skip
    """A table of rows of the board, a body a part; the first column of a row leads to all that is known of it."""
    best, bodies = tied_with_best(board.table), []
    for part in parts:
        lines = []
        for row in part.itertuples():
            is_reference = (row.method, row.variant) == REFERENCE
            marks = (("reference", is_reference), ("best", row.Index in best), ("primary", row.contrast == PRIMARY))
            names = " ".join(name for name, holds in marks if holds)
            groups = ("", "")
            if designs is not None:
                own = row.method == REFERENCE[0]
                design = designs.get((row.protocol, row.variant), "") if own else ""
                groups = "FG-SGL and its variants" if own else "Other methods", design
            lines.append(TableRow([column.text(row) for column in columns], f"row/{row.Index}", names, groups))
        bodies.append(lines)
    return TableView(name=name, title=title, headings=headings_of(columns), bodies=bodies, notes=notes)


def _designs(ablations: Sequence[Ablation]) -> dict[tuple[str, str], str]:
    """The first design of each row of FG-SGL, by protocol and variant."""
    found: dict[tuple[str, str], str] = {}
    for ablation in ablations:
        for variant in ablation.arms["variant"]:
            found.setdefault((ablation.protocol_hash, variant or REFERENCE[1]), render.title(ablation))
    return found
