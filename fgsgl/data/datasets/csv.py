"""The user's own data: a table of clips beside its videos, ``--table my.csv`` or a folder with ``clips.csv``.

Two optional files stand beside ``my.csv``: its FG-Text ``my.yaml``, and the class names ``my.classes.txt``. In a folder
they are called ``text.yaml`` and ``classes.txt``.
"""

from __future__ import annotations

from pathlib import Path

from fgsgl.data.clip_table import ClipTable, Progress, read_clips, read_label_names
from fgsgl.data.datasets.base import DataSet


def text(root: Path) -> str:
    """The FG-Text's file, which only methods with text need."""
    return str(root.with_suffix(".yaml") if _is_table(root) else root / "text.yaml")


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table; see :class:`fgsgl.data.datasets.base.Load`.

    Labels are numbers from 0, and the class file names them, a line each. Or labels are class names: without a class
    file they are numbered in alphabetical order.

    Raises:
        UserError: for a missing file or a faulty row.
    """
    path = root if _is_table(root) else root / "clips.csv"
    names = root.with_suffix(".classes.txt") if _is_table(root) else root / "classes.txt"
    if names.is_file():
        classes = tuple(line.strip() for line in names.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    else:
        classes = read_label_names(path, names)
    return ClipTable(dataset="csv", root=path.parent, classes=classes, clips=read_clips(path, classes))


def _is_table(root: Path) -> bool:
    return root.suffix.lower() == ".csv"


DATASET = DataSet(name="csv", presets={"all": {"epochs": 10}}, load=load, text=text)
