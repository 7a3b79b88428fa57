"""The registry of data sets: one file each in this folder, which offers a ``DATASET``.

The class :class:`fgsgl.data.datasets.base.DataSet` says what that is. Files that begin with an underscore hold helpers.
A broken file is refused by its name, in one line with its path, and takes no other data set along.
"""

from __future__ import annotations

from collections.abc import Callable

from fgsgl.data.datasets.base import DataSet
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.plugins import BrokenFile, PluginFolder

FILES = PluginFolder(package=__name__, constant="DATASET", kind=DataSet, helpers=("base",))


def names() -> tuple[str, ...]:
    """Names of all data sets, in alphabetical order. Imports none of them."""
    return FILES.names()


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
    dataset = FILES.load(name)
    if isinstance(dataset, BrokenFile):
        raise UserError(f"the data set {name!r} cannot be used: {dataset}")
    return dataset
