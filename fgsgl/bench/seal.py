"""The test split is sealed: the evaluation of a finished training alone opens it, and the record counts how often."""

from __future__ import annotations

from pathlib import Path

from fgsgl.bench.protocol import Protocol
from fgsgl.files import write_whole

FILE = "test_openings"
"""In the work folder of a cell, so that what a killed process has opened counts too."""


def count_opening(protocol: Protocol, work_dir: Path) -> None:
    """To be called before the scored split is read; the validation split, in its place in a search, does not count."""
    if protocol.scored_split == "test":
        write_whole(work_dir / FILE, f"{openings(work_dir) + 1}\n")


def openings(work_dir: Path) -> int:
    """How often the processes of a cell have opened the test split."""
    path = work_dir / FILE
    return int(path.read_text(encoding="utf-8")) if path.exists() else 0
