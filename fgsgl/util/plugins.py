"""Plug-ins: a package whose files each offer one object, found by looking into the folder.

A broken file takes nothing else along: it is named in one line with its path, and refused when somebody asks for it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fgsgl.util.escaping import printable


class Named(Protocol):
    """An object that knows its own name."""

    @property
    def name(self) -> str:
        """The name, which its file bears too."""


Plugin = TypeVar("Plugin", bound=Named)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenFile:
    """A file that offers nothing usable."""

    name: str
    path: Path
    fault: str
    """One line: ``SyntaxError: invalid syntax (mine.py, line 3)``."""

    def __str__(self) -> str:
        return f"{self.path}: {self.fault}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginFolder(Generic[Plugin]):
    """The files of a package that each define one object of a class under the same constant.

    Args:
        package: its dotted name.
        constant: the name that each file gives its object, such as ``METHOD``.
        kind: the class of the objects.
        helpers: names of files that offer none. A file whose name begins with ``_`` never does.
        dashes: the object of ``cost_against_accuracy.py`` is named ``cost-against-accuracy``.
    """

    package: str
    constant: str
    kind: type[Plugin]
    helpers: Collection[str] = ()
    dashes: bool = False

    def names(self) -> tuple[str, ...]:
        """Names of the files without their ending, in alphabetical order. Imports none of them."""
        states = tuple((folder, Path(folder).stat().st_mtime_ns) for folder in self._folders())
        return tuple(name for name in _modules(states) if name not in self.helpers)

    def load(self, name: str) -> Plugin | BrokenFile:
        """Imports one file; anything that goes wrong in it is its fault alone."""
        try:
            module = importlib.import_module(f"{self.package}.{name}")
        except Exception as error:
            return self.broken(name, f"{type(error).__name__}: {error}")
        expected = name.replace("_", "-") if self.dashes else name
        should_be = f"expected {self.constant} = {self.kind.__name__}(name={expected!r}, ...)"
        if self.constant not in vars(module):
            return self.broken(name, f"it defines no {self.constant}; {should_be}")
        found = vars(module)[self.constant]
        if not isinstance(found, self.kind):
            return self.broken(name, f"{self.constant} is of the type {type(found).__name__}; {should_be}")
        if found.name != expected:
            return self.broken(name, f"{self.constant} is named {found.name!r}; {should_be}, as the file is")
        return found

    def broken(self, name: str, fault: str) -> BrokenFile:
        """A broken file by the name that :meth:`names` gave it."""
        paths = [Path(folder) / f"{name}.py" for folder in self._folders()]
        path = next((path for path in paths if path.is_file()), paths[0])
        return BrokenFile(name=name, path=path, fault=printable(" ".join(fault.split())))

    def _folders(self) -> list[str]:
        return list(importlib.import_module(self.package).__path__)


@functools.cache
def _modules(states: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """Names of the files of folders, which are looked into again only when a file has come or gone: a board asks for
    each record's method."""
    found = {module.name for module in pkgutil.iter_modules([folder for folder, _ in states])}
    return tuple(sorted(name for name in found if not name.startswith("_")))
