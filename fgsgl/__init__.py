"""FG-SGL and the benchmarking suite around it.

Importing this package is instant: each name of :mod:`fgsgl.api` is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fgsgl.api import load_recognizer, trained

__all__ = ["load_recognizer", "trained"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("fgsgl.api"), name)
    raise AttributeError(f"module 'fgsgl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
