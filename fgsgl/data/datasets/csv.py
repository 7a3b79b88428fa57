"""The user's own data: a table of clips beside its videos, ``--table my.csv`` or a folder with ``clips.csv``.

Two optional files stand beside ``my.csv``: its FG-Text ``my.yaml``, and the class names ``my.classes.txt``. In a folder
they are called ``text.yaml`` and ``classes.txt``.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from fgsgl.data.clip_table import ClipTable, Progress, Row, read_cells, rows_of_clips, table_of
from fgsgl.data.datasets.base import DataSet
from fgsgl.data.faults import Fault
from fgsgl.data.hidden_test import DRAWN_TEST, drawn_sentence, drawn_test, hides_its_test, without_filler
from fgsgl.data.labels import HIDDEN, is_number, names_in, read_class_names
from fgsgl.util.errors import UserError


def text(root: Path) -> str:
    """The FG-Text's file, which only methods with text need."""
    return str(root.with_suffix(".yaml") if _is_table(root) else root / "text.yaml")


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table; see :class:`fgsgl.data.datasets.base.Load`.

    Labels are numbers from 0, and the class file names them, a line each. Or labels are class names: without a class
    file they are numbered in alphabetical order. A test split may hide its labels: blank, -1, or all of them the same;
    the preset ``drawn-test`` then tests on people of the training split (:mod:`fgsgl.data.hidden_test`).

    Raises:
        UserError: for a missing file, a faulty class file, or labels without names.
        FaultyData: for faulty rows.
    """
    path, faults = _table(root), list[Fault]()
    rows, classes = _rows(root, faults)
    rows, filler = without_filler(rows)
    test = sum(row.clip.split == "test" for row in rows)
    caveats: list[str] = []
    if filler is not None:
        caveats.append(f"{path}: all {test} test clips have one label, {filler}; it is taken to hide theirs")
    drawn = preset == DRAWN_TEST
    if drawn:
        caveats.append(drawn_sentence("This table", test, "subjects"))
        rows = [row for row in rows if row.clip.split != "test"]
    return table_of(
        rows, faults, partial(drawn_test, seed=seed) if drawn else list, dataset="csv", root=path.parent,
        classes=classes, caveats=tuple(caveats),
    )  # fmt: skip


def preset_of(root: Path) -> str:
    """The preset for a table: ``all``, or ``drawn-test`` where it hides the labels of its test clips."""
    rows, _ = without_filler(_rows(root, [])[0])
    return DRAWN_TEST if hides_its_test(rows) else "all"


def _rows(root: Path, faults: list[Fault]) -> tuple[list[Row], tuple[str, ...]]:
    """The rows that can be read, and the names of the classes."""
    path = _table(root)
    names = root.with_suffix(".classes.txt") if _is_table(root) else root / "classes.txt"
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
    return rows_of_clips(path, cells, classes, faults, refused), classes


def _table(root: Path) -> Path:
    return root if _is_table(root) else root / "clips.csv"


def _is_table(root: Path) -> bool:
    return root.suffix.lower() == ".csv"


DATASET = DataSet(
    name="csv",
    presets={name: {"epochs": 10} for name in ("all", DRAWN_TEST)},
    preset_of=preset_of,
    load=load,
    text=text,
)
