"""The learning curve of a cell: a row an epoch, written while it trains and kept in its record."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

Epoch = dict[str, float]
"""One row of a learning curve: ``epoch`` (from 1), ``loss``, every ``loss_*`` part, ``lr``, ``val_top1``, ``train_s``,
``clips_per_s`` (trained, over all processes) and ``memory_mib`` (the largest so far, of the first process)."""


def read_curve(path: Path) -> list[Epoch]:
    """The rows of a learning curve so far; lines that are torn are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    rows: list[Epoch] = []
    for line in lines:
        with suppress(ValueError):
            rows += plain_rows([msgspec.json.decode(line)])
    return rows


def plain_rows(rows: Any) -> list[Epoch]:
    """The rows of a learning curve from elsewhere: those that name their epoch and hold finite numbers alone."""
    found = []
    for row in rows if isinstance(rows, list) else ():
        with suppress(msgspec.ValidationError):
            row = msgspec.convert(row, dict[str, int | float])
            if type(row.get("epoch")) is int and all(map(math.isfinite, row.values())):
                found.append(row)
    return found


def epoch_fault(row: Epoch) -> str:
    """What cannot be in a row of a learning curve; empty: nothing."""
    epoch, top1 = row.get("epoch"), row.get("val_top1", 0)
    if epoch is None or epoch < 1 or epoch % 1:
        return f"is of epoch {epoch}, expected a whole number from 1"
    return "" if 0 <= top1 <= 1 else f"has the val_top1 {top1}, expected 0 to 1"
