"""FG-SGL and the benchmarking suite around it.

Importing this package is instant: each name of :mod:`fgsgl.api` is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fgsgl.api import (
        Ledger,
        Protocol,
        Record,
        UserError,
        Variant,
        list_datasets,
        list_methods,
        load_recognizer,
        plot_top1,
        read_board,
        run,
        trained,
    )

__all__ = [
    "Ledger", "Protocol", "Record", "UserError", "Variant", "list_datasets", "list_methods", "load_recognizer",
    "plot_top1", "read_board", "run", "trained",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("fgsgl.api"), name)
    raise AttributeError(f"module 'fgsgl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
