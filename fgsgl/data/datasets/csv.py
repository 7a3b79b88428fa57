"""Data of one's own: a table of clips beside its videos, given as ``--table my.csv`` or as a folder with ``clips.csv``.

Beside ``my.csv`` stand, where they are needed, ``my.yaml``, its FG-Text, and ``my.classes.txt``; in a folder they are
called ``text.yaml`` and ``classes.txt``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fgsgl.data.clip_table import ClipTable, read_clips, read_label_names

PRESETS = ("all",)
PROTOCOL = {"all": {"epochs": 10}}


def text(root: Path) -> str:
    """Its FG-Text; read only by methods that need it."""
    return str(root.with_suffix(".yaml") if _is_table(root) else root / "text.yaml")


def root(base: Path, preset: str, seed: int) -> Path:
    """Its default place below the folder of all data."""
    return base / "csv"


def official(root: Path, preset: str) -> dict[str, int]:
    """No counts are published."""
    return {}


def load(
    root: Path, preset: str, seed: int, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> ClipTable:
    """The clip table. Labels are numbers from 0, whose names the class file has, a line each; or class names, which
    are numbered in alphabetical order where there is no class file.

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
