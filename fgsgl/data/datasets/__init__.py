"""The registry of data sets: one file each in this folder, which offers a ``DATASET``.

The class :class:`fgsgl.data.datasets.base.DataSet` says what that is. Files that begin with an underscore hold helpers.
A broken file is refused by its name, in one line with its path, and takes no other data set along.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from fgsgl.data.datasets.base import DataSet
from fgsgl.util.errors import UserError, nearest


def names() -> tuple[str, ...]:
    """Names of all data sets, in alphabetical order. Imports none of them."""
    found = {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}
    return tuple(sorted(found - {"base"}))


def get(name: str, preset: str | None = None) -> DataSet:
    """A data set by name. Other files are not imported.

    Raises:
        UserError: for an unknown data set, an unknown preset of it, or a file that offers no data set.
    """
    if name not in names():
        raise UserError(f"unknown data set {name!r}; {nearest(name, names())}")
    dataset = _load(name)
    if preset is not None and preset not in dataset.presets:
        raise UserError(f"unknown preset {preset!r} of {name}; {nearest(preset, tuple(dataset.presets))}")
    return dataset


def names_where(offers: Callable[[DataSet], bool]) -> list[str]:
    """Names of the usable data sets for which ``offers(dataset)`` is true."""
    found = []
    for name in names():
        try:
            if offers(_load(name)):
                found.append(name)
        except UserError:  # a broken file, which is told when somebody asks for it
            continue
    return found


def _load(name: str) -> DataSet:
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except Exception as error:
        raise _broken(name, f"{type(error).__name__}: {error}") from error
    dataset = vars(module).get("DATASET")
    if not isinstance(dataset, DataSet):
        raise _broken(name, "it defines no DATASET = DataSet(...)")
    if dataset.name != name:
        raise _broken(name, f"its DATASET is named {dataset.name!r}, expected {name!r} as the file is")
    return dataset


def _broken(name: str, fault: str) -> UserError:
    paths = [Path(folder) / f"{name}.py" for folder in __path__]
    path = next((path for path in paths if path.is_file()), paths[0])
    return UserError(f"the data set {name!r} cannot be used: {path}: {' '.join(fault.split())}")
