"""How methods are found: FG-SGL itself, and one file each in ``baselines/``. Imports no torch."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import baselines
from fgsgl.bench.fgsgl import METHOD
from fgsgl.bench.method import Method
from fgsgl.errors import UserError, nearest


@cache
def scan() -> dict[str, Method]:
    """Every method by name: FG-SGL first, then the files of ``baselines/`` in alphabetical order."""
    found = {METHOD.name: METHOD}
    for module in sorted(pkgutil.iter_modules(baselines.__path__), key=lambda module: module.name):
        method = importlib.import_module(f"baselines.{module.name}").METHOD
        if method.name != module.name:
            raise UserError(f"baselines/{module.name}.py defines the method {method.name!r}; the names must agree")
        found[method.name] = method
    return found


def get(name: str) -> Method:
    """A method by name.

    Raises:
        UserError: if there is none of that name.
    """
    methods = scan()
    if name not in methods:
        raise UserError(f"unknown method {name!r}; {nearest(name, list(methods))}")
    return methods[name]
