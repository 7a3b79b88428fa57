"""What a search may look for, read from the records of a trial's cells: validation accuracy, or what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fgsgl.util.errors import UserError, nearest

if TYPE_CHECKING:
    from fgsgl.records.record import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """One value of a finished cell."""

    direction: str
    """``maximize`` or ``minimize``."""
    read: Callable[[Record], float]
    help: str


OBJECTIVES = {
    "top1": Objective(direction="maximize", read=lambda record: record.metrics.top1, help="share of clips right"),
    "macro_f1": Objective(direction="maximize", read=lambda record: record.metrics.macro_f1, help="mean F1"),
    "mean_class": Objective(direction="maximize", read=lambda record: record.metrics.mean_class, help="mean recall"),
    "train_s": Objective(
        direction="minimize",
        read=lambda record: sum(row["train_s"] for row in record.curve),
        help="training, in seconds",
    ),
    "latency_ms": Objective(
        direction="minimize", read=lambda record: record.cost.latency_ms, help="of one clip, in milliseconds"
    ),
    "gflops": Objective(direction="minimize", read=lambda record: record.cost.gflops, help="of one clip"),
    "params": Objective(direction="minimize", read=lambda record: float(record.params), help="weights"),
}
"""By name; the first three are of the validation split."""
PRUNABLE = ("top1", "macro_f1", "mean_class")
"""What the top-1 of an epoch foretells."""


def require_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives, each once.

    Raises:
        UserError: for an unknown one.
    """
    for name in names:
        if name not in OBJECTIVES:
            raise UserError(f"unknown --objective {name!r}; {nearest(name, list(OBJECTIVES))}")
    return tuple(dict.fromkeys(names))


def values_of(names: Sequence[str], records: Sequence[Record]) -> list[float]:
    """The mean of each objective over a trial's cells."""
    return [sum(OBJECTIVES[name].read(record) for record in records) / len(records) for name in names]
