"""Seconds by phase of a cell."""

from __future__ import annotations

import time


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.started_s = self.last_s = time.monotonic()
        self.laps_s: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends a phase."""
        now_s = time.monotonic()
        self.laps_s[name] = round(now_s - self.last_s, 3)
        self.last_s = now_s

    def total(self) -> None:
        """Ends the whole."""
        self.laps_s["total"] = round(time.monotonic() - self.started_s, 3)
