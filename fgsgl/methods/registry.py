"""The registry of methods: FG-SGL itself, and one file each in ``baselines/``. Imports no torch.

A broken file takes nothing else along: it is left out, named in one line with its path, and refused by its name.
"""

from __future__ import annotations

import logging
from functools import cache

from fgsgl.methods.fgsgl import METHOD
from fgsgl.methods.method import Method
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.plugins import BrokenFile, PluginFolder

FILES = PluginFolder(package="fgsgl.baselines", constant="METHOD", kind=Method)


@cache
def scan() -> dict[str, Method]:
    """Every usable method by name: FG-SGL first, then the files of ``baselines/`` in alphabetical order.

    Each broken file is logged once.
    """
    for file in broken():
        logging.getLogger(__name__).warning("%s", file)
    loaded = {name: _load(name) for name in FILES.names()}
    return {METHOD.name: METHOD} | {name: method for name, method in loaded.items() if isinstance(method, Method)}


def broken() -> tuple[BrokenFile, ...]:
    """The files of ``baselines/`` that offer no method."""
    return tuple(file for name in FILES.names() if isinstance(file := _load(name), BrokenFile))


def has(name: str) -> bool:
    """Whether there is a usable method of that name. Other files are not imported."""
    return name == METHOD.name or (name in FILES.names() and isinstance(_load(name), Method))


def get(name: str) -> Method:
    """A method by name. Other files are not imported.

    Raises:
        UserError: if there is none of that name, or its file is broken.
    """
    if name == METHOD.name:
        return METHOD
    if name not in FILES.names():
        raise UserError(f"unknown method {name!r}; {nearest(name, [METHOD.name, *FILES.names()])}")
    method = _load(name)
    if isinstance(method, BrokenFile):
        raise UserError(f"the method {name!r} cannot be used: {method}")
    return method


@cache
def _load(name: str) -> Method | BrokenFile:
    return FILES.load(name)
