"""The time that a sweep has: nothing is started that would not end in it, judged by the cells before."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from fgsgl.bench.record import Record

WRAP_UP_S = 30.0
"""Kept for floors and ceilings, the board and the figures."""


@dataclass(slots=True)
class Timebox:
    """When a sweep is to have ended, and how long its cells take."""

    ends_s: float = math.inf
    """On the monotonic clock, board and figures included."""
    longest_s: float = 0.0
    """Of the cells seen so far, each as if it had trained all its epochs."""

    def see(self, record: Record) -> None:
        """Learns from a cell that has ended; one without an epoch says nothing."""
        if record.curve and "train" in record.times_s:
            missing = record.protocol["epochs"] / len(record.curve) - 1
            self.longest_s = max(self.longest_s, record.times_s["total"] + missing * record.times_s["train"])

    def rounds(self) -> float:
        """How many cells would still end in time, one after the other; endlessly many where none has been seen."""
        left_s = self.ends_s - WRAP_UP_S - time.monotonic()
        if left_s <= 0:
            return 0
        return left_s // self.longest_s if self.longest_s and left_s < math.inf else math.inf
