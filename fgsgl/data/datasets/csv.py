"""The user's own data: a table of clips beside its videos, ``--table my.csv`` or a folder with ``clips.csv``.

Two optional files stand beside ``my.csv``: its FG-Text ``my.yaml``, and the class names ``my.classes.txt``. In a folder
they are called ``text.yaml`` and ``classes.txt``.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fgsgl.data.clip_table import ClipTable, Progress, Row, read_cells, rows_of_clips, table_of
from fgsgl.data.datasets.base import DataSet
from fgsgl.data.faults import Fault
from fgsgl.data.labels import HIDDEN, is_number, names_in, read_class_names
from fgsgl.util.errors import UserError


def text(root: Path) -> str:
    """The FG-Text's file, which only methods with text need."""
    return str(root.with_suffix(".yaml") if _is_table(root) else root / "text.yaml")


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table; see :class:`fgsgl.data.datasets.base.Load`.

    Labels are numbers from 0, and the class file names them, a line each. Or labels are class names: without a class
    file they are numbered in alphabetical order. A test split may hide its labels: blank, -1, or all of them the same.

    Raises:
        UserError: for a missing file, a faulty class file, or labels without names.
        FaultyData: for faulty rows.
    """
    path = root if _is_table(root) else root / "clips.csv"
    names = root.with_suffix(".classes.txt") if _is_table(root) else root / "classes.txt"
    faults: list[Fault] = []
    cells = read_cells(path, faults)
    refused: dict[str, str] = {}
    if os.path.lexists(names):
        classes = read_class_names(names)
    else:
        labels = {row["label"] for _, row in cells}
        if all(is_number(label) or label in HIDDEN for label in labels) and cells:
            raise UserError(
                f"the labels in {path} are numbers or blank, and no file gives the classes' names; expected {names}, "
                "a name a line in the order of the labels"
            )
        classes, refused = names_in(labels)
        if len(classes) + len(refused) < 2 and cells:
            known = repr(classes[0]) if classes else "none"
            raise UserError(f"the labels in {path} name fewer than two classes ({known}); expected two or more")
    rows, caveats = _without_filler(rows_of_clips(path, cells, classes, faults, refused), path)
    return table_of(rows, faults, dataset="csv", root=path.parent, classes=classes, caveats=caveats)


def _without_filler(rows: list[Row], path: Path) -> tuple[list[Row], tuple[str, ...]]:
    """Hides the test labels where all of them are one, as in lists that put 0 where a label is kept secret.

    Returns:
        The rows, and the sentence that says so.
    """
    test = [row.clip.label for row in rows if row.clip.split == "test"]
    known = {row.clip.label for row in rows if row.clip.split != "test"}
    if len(test) < 2 or len(set(test)) > 1 or test[0] is None or len(known) < 2:
        return rows, ()
    hidden = [replace(row, clip=replace(row.clip, label=None)) if row.clip.split == "test" else row for row in rows]
    return hidden, (f"{path}: all {len(test)} test clips have one label, {test[0]}; it is taken to hide theirs",)


def _is_table(root: Path) -> bool:
    return root.suffix.lower() == ".csv"


DATASET = DataSet(name="csv", presets={"all": {"epochs": 10}}, load=load, text=text)
