"""The registry of methods: FG-SGL itself, and one file each in ``baselines/``. Imports no torch.

A broken file takes nothing else along: it is left out, named in one line with its path, and refused by its name.
"""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fgsgl.methods.fgsgl import METHOD
from fgsgl.methods.method import Method
from fgsgl.util.errors import UserError, nearest

PACKAGE = importlib.import_module("fgsgl.baselines")
BASELINES = Path(PACKAGE.__path__[0])


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file in ``baselines/`` that offers no method."""

    name: str
    path: Path
    fault: str
    """One line: ``SyntaxError: invalid syntax (mine.py, line 3)``."""

    def __str__(self) -> str:
        return f"{self.path} offers no method: {self.fault}"


@cache
def scan() -> dict[str, Method]:
    """Every usable method by name: FG-SGL first, then the files of ``baselines/`` in alphabetical order.

    Each broken file is logged once.
    """
    for file in broken():
        logging.getLogger(__name__).warning("%s", file)
    loaded = {name: _load(name) for name in _files()}
    return {METHOD.name: METHOD} | {name: method for name, method in loaded.items() if isinstance(method, Method)}


def broken() -> tuple[BrokenFile, ...]:
    """The files of ``baselines/`` that offer no method."""
    return tuple(file for name in _files() if isinstance(file := _load(name), BrokenFile))


def get(name: str) -> Method:
    """A method by name. Other files are not imported.

    Raises:
        UserError: if there is none of that name, or its file is broken.
    """
    if name == METHOD.name:
        return METHOD
    if name not in _files():
        raise UserError(f"unknown method {name!r}; {nearest(name, [METHOD.name, *_files()])}")
    method = _load(name)
    if isinstance(method, BrokenFile):
        raise UserError(f"the method {name!r} cannot be used: {method}")
    return method


@cache
def _files() -> dict[str, Path]:
    """The files of ``baselines/`` by the name of their method, in alphabetical order."""
    paths = {path.stem: path for folder in PACKAGE.__path__ for path in Path(folder).glob("*.py")}
    return {name: paths[name] for name in sorted(paths) if name != "__init__"}


@cache
def _load(name: str) -> Method | BrokenFile:
    """The method that a file offers as ``METHOD``; whatever the file does wrong is its fault alone."""
    path = _files()[name]
    try:
        method = getattr(importlib.import_module(f"{PACKAGE.__name__}.{name}"), "METHOD", None)
    except Exception as error:
        return BrokenFile(name, path, f"{type(error).__name__}: {' '.join(str(error).split())}")
    if method is None:
        return BrokenFile(name, path, "it defines no METHOD")
    if not isinstance(method, Method):
        return BrokenFile(name, path, f"METHOD is of the type {type(method).__name__}, expected Method")
    if method.name != name:
        return BrokenFile(name, path, f"METHOD is named {method.name!r}, expected {name!r} as the file is")
    return method
