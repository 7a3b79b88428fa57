"""The same result each time, as far as a GPU can give it, and the names of the operations with which it cannot."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def repeatable(device: str) -> Iterator[set[str]]:
    """Computes the same each time on a GPU: no choice of the fastest algorithm, sums in one order, fp32 as fp32.

    Some operations have no such implementation there (the gradient of 3D max pooling, say). They run all the same, and
    their names are in the set that this yields, once they have run. A CPU repeats everything.

    Args:
        device: ``cuda`` or ``cpu``.
    """
    unrepeatable: set[str] = set()
    if device != "cuda":
        yield unrepeatable
        return
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cudnn.allow_tf32 = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    show = warnings.showwarning

    def note(message: Warning | str, *where: Any, **more: Any) -> None:
        found = re.match(r"(\S+) does not have a deterministic implementation", str(message))
        if found:
            unrepeatable.add(found[1])
        else:
            show(message, *where, **more)

    with warnings.catch_warnings():
        warnings.showwarning = note
        try:
            yield unrepeatable
        finally:
            torch.use_deterministic_algorithms(False)
