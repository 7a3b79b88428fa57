"""The objectives of a search, read from the records of a trial's cells: validation accuracy, or cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fgsgl.util.errors import UserError, nearest

if TYPE_CHECKING:
    from fgsgl.records.record import Done


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """One value of a finished cell."""

    direction: Literal["maximize", "minimize"]
    read: Callable[[Done], float | None]
    """(record) -> the value; None if the record does not have it."""
    alone: bool = False
    """Whether a cell measures it only where no other one runs beside it."""

    @property
    def sign(self) -> int:
        """1 if more is better, else -1."""
        return 1 if self.direction == "maximize" else -1


OBJECTIVES = {
    "top1": Objective(direction="maximize", read=lambda record: record.metrics.top1),
    "macro_f1": Objective(direction="maximize", read=lambda record: record.metrics.macro_f1),
    "mean_class": Objective(direction="maximize", read=lambda record: record.metrics.mean_class),
    "train_s": Objective(direction="minimize", read=lambda record: sum(row["train_s"] for row in record.curve)),
    "latency_ms": Objective(direction="minimize", read=lambda record: record.cost.latency_ms, alone=True),
    "gflops": Objective(direction="minimize", read=lambda record: record.cost.gflops),
    "params": Objective(direction="minimize", read=lambda record: record.params),
}
"""By name. The first three are measured on the validation split; latency and GFLOPs are those of one clip."""
PRUNABLE = ("top1", "macro_f1", "mean_class")
"""Objectives that the top-1 of an epoch predicts."""


def require_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives, each once.

    Raises:
        UserError: for an unknown one.
    """
    for name in names:
        if name not in OBJECTIVES:
            raise UserError(f"unknown --objective {name!r}; {nearest(name, list(OBJECTIVES))}")
    return tuple(dict.fromkeys(names))


def require_alone(names: Sequence[str], jobs: int) -> None:
    """Refuses objectives that are measured only of a cell that runs alone, where several run at a time.

    Raises:
        UserError: for such an objective and more than one job.
    """
    for name in names:
        if OBJECTIVES[name].alone and jobs > 1:
            raise UserError(
                f"--objective {name} is measured only while no other cell runs, and --jobs is {jobs}; use --jobs 1"
            )


def values_of(names: Sequence[str], records: Sequence[Done]) -> list[float]:
    """The mean of each objective over a trial's cells.

    Raises:
        UserError: if a record lacks the value of an objective.
    """
    return [sum(_value(name, record) for record in records) / len(records) for name in names]


def _value(name: str, record: Done) -> float:
    value = OBJECTIVES[name].read(record)
    if value is None:
        cause = "another cell ran beside it" if OBJECTIVES[name].alone else "choose another one"
        raise UserError(f"the record {record.cell_id} has no {name}, which --objective asks for; {cause}")
    return float(value)
