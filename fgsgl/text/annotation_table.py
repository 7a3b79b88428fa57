"""FG-Text as a table for annotators."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from fgsgl.text.fgtext import DIMENSIONS, ClassText, FGText
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.escaping import no_formula
from fgsgl.util.files import read_table, write_whole

COLUMNS = ("class_id", "class_name", "kind", "stage", "index", "sentence")
KINDS = ("prompt", *DIMENSIONS)


def export_csv(text: FGText, path: Path) -> None:
    """Writes one row a sentence, for a spreadsheet.

    ``stage`` is the key of a shared stage: its rows come once for every class that shares it. A cell that a spreadsheet
    would run as a formula gets a leading apostrophe, which reading takes away.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for entry in text.classes:
        for kind, cell in entry.cells():
            for index, sentence in enumerate(cell):
                row = (entry.id, entry.name, kind, entry.stages.get(kind, ""), index, sentence)
                writer.writerow([no_formula(str(value)) for value in row])
    write_whole(path, table.getvalue().encode("utf-8-sig"))  # the mark makes spreadsheets read it as UTF-8


def import_csv(path: Path, base: FGText) -> FGText:
    """``base`` with the prompts, sentences and stages of a table; its header and classes stay.

    Rows may stand in any order; one with an empty sentence is a sentence taken out. To part a class from a shared
    stage, empty the ``stage`` of its rows.

    Raises:
        UserError: if the table is missing or not one, is of other classes, has two rows at one place, or gives one
            stage different sentences in two classes.
    """
    cell_of: dict[tuple[int, str], dict[int, str]] = defaultdict(dict)
    stage_of: dict[tuple[int, str], str] = {}
    for line, row in read_table(path, COLUMNS):
        where = f"{path}, line {line}"
        class_id, kind, index = _place(row, base, where)
        if index in cell_of[class_id, kind]:
            raise UserError(f"{where}: class {class_id} has a second {kind} of index {index}; number them 0, 1, 2, ...")
        if stage_of.setdefault((class_id, kind), row["stage"]) != row["stage"]:
            raise UserError(f"{where}: the rows of class {class_id} for {kind} name different stages")
        cell_of[class_id, kind][index] = row["sentence"]
    _refuse_torn_stages(cell_of, stage_of, path)
    return replace(base, classes=tuple(_rebuilt(entry, cell_of, stage_of) for entry in base.classes))


def _place(row: dict[str, str], base: FGText, where: str) -> tuple[int, str, int]:
    """Class id, kind and index of a row, each checked."""
    try:
        class_id, index = int(row["class_id"]), int(row["index"])
    except ValueError:
        got = f"{row['class_id']!r} and {row['index']!r}"
        raise UserError(f"{where}: class_id and index are {got}; expected whole numbers") from None
    if row["kind"] not in KINDS:
        raise UserError(f"{where}: unknown kind {row['kind']!r}; {nearest(row['kind'], KINDS)}")
    expected = base.classes[class_id].name if 0 <= class_id < len(base.classes) else None
    if row["class_name"] != expected:
        raise UserError(
            f"{where}: class {class_id} is {row['class_name']!r}, but {expected!r} in FG-Text {base.name!r}"
        )
    return class_id, row["kind"], index


def _refuse_torn_stages(
    cell_of: dict[tuple[int, str], dict[int, str]], stage_of: dict[tuple[int, str], str], path: Path
) -> None:
    first: dict[tuple[str, str], int] = {}
    for (class_id, kind), stage in stage_of.items():
        other = first.setdefault((kind, stage), class_id)
        if stage and _sentences(cell_of[class_id, kind]) != _sentences(cell_of[other, kind]):
            raise UserError(
                f"{path}: the {kind} stage {stage!r} has other sentences in class {class_id} than in class {other}; "
                f"write them alike, or empty the stage column of the class that shall have its own"
            )


def _rebuilt(
    entry: ClassText, cell_of: dict[tuple[int, str], dict[int, str]], stage_of: dict[tuple[int, str], str]
) -> ClassText:
    return replace(
        entry,
        prompts=_sentences(cell_of[entry.id, "prompt"]),
        sentences={dimension: _sentences(cell_of[entry.id, dimension]) for dimension in DIMENSIONS},
        stages={dimension: stage for dimension in DIMENSIONS if (stage := stage_of.get((entry.id, dimension)))},
    )


def _sentences(cell: dict[int, str]) -> tuple[str, ...]:
    return tuple(cell[index] for index in sorted(cell) if cell[index].strip())
