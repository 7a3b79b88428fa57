"""How much a sweep may do: the domains of its counts, for the command line and :class:`fgsgl.sweeps.sweep.Sweep`."""

from __future__ import annotations

from fgsgl.util.domain import Numbers

TRIAL_COUNTS = Numbers(1, 10_000)
STUDY_COUNTS = Numbers(1, 100)
"""Independent studies of a method."""
SEEDS_PER_TRIAL = Numbers(1, 100)
TIMEOUTS_MIN = Numbers(0, 1_000_000, above=True)
