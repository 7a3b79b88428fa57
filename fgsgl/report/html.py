"""The board as one self-contained HTML page: styles, script and figures inline; every text escaped by the template."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from fgsgl.bench.record import Record
from fgsgl.report.board import Board, planned_key, row_key
from fgsgl.report.tables import EMPTY, Column, columns_of, number, percent, title

TEMPLATE = Path(__file__).with_name("page.html")


def page(board: Board, images: Mapping[str, bytes]) -> str:
    """The page's text. ``images`` are PNGs by name, shown in their order."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title(board),
        note=board.note,
        columns=columns_of(board),
        bodies=_bodies(board),
        figures=[(name, base64.b64encode(png).decode()) for name, png in images.items()],
        classes=[(label, list(_classes(records))) for label, records in _labelled(board, board.scored)],
        cells=list(_cells(board)),
        protocols=_protocols(board),
    )


def _bodies(board: Board) -> list[list[list[dict[str, Any]]]]:
    """The measured methods, then the ceilings and floors, which sorting leaves at the foot."""
    foot, columns = board.table["kind"] != "method", columns_of(board)
    return [[_row(row, columns) for row in part.itertuples()] for part in (board.table[~foot], board.table[foot])]


def _row(row: Any, columns: Sequence[Column]) -> list[dict[str, Any]]:
    return [{"text": column.text(row), "value": column.value(row) if column.value else None} for column in columns]


def _labelled(
    board: Board, groups: Mapping[tuple[str, ...], Sequence[Record]]
) -> Iterator[tuple[str, Sequence[Record]]]:
    """Each row's label with its records, in the board's order; rows without a record are left out."""
    for row in board.table.itertuples():
        records = groups.get(row_key(row), ())
        if records:
            yield row.label, records


def _classes(records: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    """Name, clips, recall, precision and F1 of each class; means over the seeds where the value is defined."""
    for index, name in enumerate(records[0].data["classes"]):
        tables = [record.metrics["per_class"][index] for record in records]
        means = []
        for key in ("recall", "precision", "f1"):
            values = [table[key] for table in tables if table[key] is not None]
            means.append(percent(sum(values) / len(values)) if values else EMPTY)
        yield name, str(tables[0]["n"]), *means


def _cells(board: Board) -> Iterator[tuple[str, ...]]:
    """Every cell, finished, failed or planned, as the texts of the page's columns."""
    for label, records in _labelled(board, board.cells):
        for record in records:
            failure = record.failure if record.status == "failed" else None
            yield (
                record.cell_id,
                label,
                str(record.seed),
                f"failed: {failure['class']}" if failure else "done",
                EMPTY if failure else percent(record.metrics["top1"]),
                number(record.times_s.get("total", float("nan")), 0),
                _commit(record.environment),
                record.started_utc,
                failure["message"] if failure else "",
            )
    labels = {row_key(row): row.label for row in board.table.itertuples()}
    for cell in board.planned:
        yield cell.cell_id, labels[planned_key(cell)], str(cell.seed), "planned", EMPTY, EMPTY, "", "", ""


def _commit(environment: dict[str, Any]) -> str:
    """The commit's first digits, with a plus where the tree had changes."""
    commit = environment.get("git_commit")
    return f"{str(commit)[:10]}{'+' * bool(environment.get('git_dirty'))}" if commit else ""


def _protocols(board: Board) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Each protocol's hash with its settings."""
    settings = {record.protocol_hash: record.protocol for group in board.cells.values() for record in group}
    return [(name, sorted(protocol.items())) for name, protocol in sorted(settings.items())]
