"""Finds the figures of a folder, one file each, and says which files are broken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fgsgl.report.drawing.figure import Figure
from fgsgl.util.escaping import printable
from fgsgl.util.plugins import BrokenFile, PluginFolder


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """The figures of a folder by the name of their files, and one line for each broken file."""

    figures: tuple[Figure[Any], ...]
    faults: tuple[str, ...]


def scan(package: ModuleType) -> Scan:
    """Imports every module of a package but those whose name begins with ``_``, and collects their ``FIGURE``.

    A file that cannot be imported, or offers no :class:`Figure` of its own name, is a fault and takes no other along.
    """
    folder = PluginFolder(package=package.__name__, constant="FIGURE", kind=Figure, dashes=True)
    found = [folder.load(name) for name in folder.names()]
    return Scan(
        figures=tuple(figure for figure in found if isinstance(figure, Figure)),
        faults=tuple(str(file) for file in found if isinstance(file, BrokenFile)),
    )


def fault(path: Path, error: BaseException) -> str:
    """One line on a figure's file that raised an error."""
    return printable(f"{path}: {type(error).__name__}: {error}")
