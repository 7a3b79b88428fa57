"""Finds the figures of a folder, one file each, and says which files are broken."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from fgsgl.report.drawing.figure import Figure
from fgsgl.util.escaping import printable


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """The figures of a folder by the name of their files, and one line for each broken file."""

    figures: tuple[Figure[Any], ...]
    faults: tuple[str, ...]


def scan(package: ModuleType) -> Scan:
    """Imports every module of a package but those whose name begins with ``_``, and collects their ``FIGURE``.

    A file that cannot be imported, or offers no :class:`Figure` of its own name, is a fault and takes no other along.
    """
    figures, faults = [], []
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        if name.startswith("_"):
            continue
        try:
            module = importlib.import_module(f"{package.__name__}.{name}")
        except Exception as error:
            faults.append(fault(_path(package, name), error))
            continue
        figure, expected = vars(module).get("FIGURE"), name.replace("_", "-")
        if isinstance(figure, Figure) and figure.name == expected:
            figures.append(figure)
        else:
            found = f"the name {figure.name!r}" if isinstance(figure, Figure) else f"FIGURE {figure!r}"
            faults.append(f"{_path(package, name)}: found {found}, expected FIGURE = Figure(name={expected!r}, ...)")
    return Scan(figures=tuple(figures), faults=tuple(faults))


def fault(path: Path, error: Exception) -> str:
    """One line on a figure's file that raised an error."""
    return printable(f"{path}: {type(error).__name__}: {error}")


def _path(package: ModuleType, name: str) -> Path:
    found = (Path(folder) / f"{name}.py" for folder in package.__path__)
    return next((path for path in found if path.exists()), Path(name))
