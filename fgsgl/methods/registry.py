"""How methods are found: FG-SGL itself, and one file each in ``baselines/``. Imports no torch."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from fgsgl.methods.fgsgl import METHOD
from fgsgl.methods.method import Method
from fgsgl.util.errors import UserError, nearest

BASELINES = Path(importlib.import_module("fgsgl.baselines").__path__[0])


@cache
def scan() -> dict[str, Method]:
    """Every method by name: FG-SGL first, then the files of ``baselines/`` in alphabetical order."""
    found = {METHOD.name: METHOD}
    for module in sorted(pkgutil.iter_modules([str(BASELINES)]), key=lambda module: module.name):
        method = importlib.import_module(f"fgsgl.baselines.{module.name}").METHOD
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
