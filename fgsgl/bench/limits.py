"""How far a command goes: hours, minutes of a cell, attempts, and what stays on the disk."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from fgsgl.errors import UserError

KEEP = ("best", "last", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How far a command goes; none of it changes a result.

    Raises:
        UserError: for a limit that allows nothing.
    """

    max_hours: float | None = None
    """After which no new cell is started; None: never."""
    cell_timeout_min: float | None = None
    """After which a cell is ended; None: never."""
    retries: int = 2
    """How often a cell is started again after a failure of the infrastructure."""
    keep_checkpoints: str = "last"
    """What stays of a finished cell's checkpoints: the weights of its ``best`` epoch on the validation split, those of
    its ``last``, which are the evaluated ones, or ``none``."""
    since_s: float = field(default_factory=time.monotonic)
    """When the command began, on the monotonic clock."""

    def __post_init__(self) -> None:
        for option, value in (("max-hours", self.max_hours), ("cell-timeout", self.cell_timeout_min)):
            if value is not None and not value > 0:
                raise UserError(f"--{option} is {value:g}, expected more than 0")
        if self.retries < 0:
            raise UserError(f"--retries is {self.retries}, expected 0 or more")

    @property
    def over(self) -> bool:
        """Whether the hours are over."""
        return self.max_hours is not None and time.monotonic() - self.since_s > 3600 * self.max_hours
