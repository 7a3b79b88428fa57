"""Data of one's own: a folder with ``clips.csv``, ``classes.txt``, the videos, and ``text.yaml`` (its FG-Text)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fgsgl.data.cliptable import ClipTable, read_clips
from fgsgl.errors import UserError

PRESETS = ("all",)
PROTOCOL = {"all": {"epochs": 10}}


def text(root: Path) -> str:
    """The folder's FG-Text; read only by methods that need it."""
    return str(root / "text.yaml")


def root(base: Path, preset: str, seed: int) -> Path:
    """Its default place below the folder of all data."""
    return base / "csv"


def load(
    root: Path, preset: str, seed: int, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> ClipTable:
    """The clip table; class names stand in ``classes.txt``, a line each, in the order of the labels.

    Raises:
        UserError: for a missing file or a faulty row.
    """
    path = root / "classes.txt"
    if not path.is_file():
        raise UserError(f"no class names at {path}; expected a name a line, in the order of the labels")
    classes = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    return ClipTable(dataset="csv", root=root, classes=classes, clips=read_clips(root / "clips.csv"))
