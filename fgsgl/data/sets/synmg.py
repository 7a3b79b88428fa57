"""SynMG, the synthetic benchmark: rendered where it is missing, completed where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fgsgl.data.cliptable import ClipTable

PRESETS = ("quick", "standard", "hard", "smoke")
PROTOCOL = {"quick": {"epochs": 5}, "standard": {"epochs": 10}, "hard": {"epochs": 10}, "smoke": {"epochs": 2}}
"""Fields of the protocol that suit each preset, so that a cell takes minutes on two cores."""


def text(root: Path) -> str:
    """SMG's FG-Text: the classes are SMG's."""
    return "smg"


def root(base: Path, preset: str, seed: int) -> Path:
    """Its default place below the folder of all data."""
    return base / "synmg" / f"{preset}-seed{seed}"


def load(
    root: Path, preset: str, seed: int, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> ClipTable:
    """The clip table; renders the videos first where they are not there.

    Raises:
        UserError: if the folder holds another version, preset or seed.
    """
    from fgsgl.data.synmg import make

    return make.make(root, preset, seed, workers=workers, device="cpu", progress=progress)
