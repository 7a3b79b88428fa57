"""SynMG, the synthetic benchmark: rendered where it is missing, completed where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.cliptable import Clip, ClipTable

if TYPE_CHECKING:
    import numpy as np

PRESETS = ("quick", "standard", "hard", "smoke")
PROTOCOL = {"quick": {"epochs": 5}, "standard": {"epochs": 8}, "hard": {"epochs": 8}, "smoke": {"epochs": 2}}
"""Fields of the protocol that suit each preset, so that a cell takes minutes on two cores."""


def text(root: Path) -> str:
    """SMG's FG-Text: the classes are SMG's."""
    return "smg"


def root(base: Path, preset: str, seed: int) -> Path:
    """Its default place below the folder of all data."""
    return base / "synmg" / f"{preset}-seed{seed}"


def official(root: Path, preset: str) -> dict[str, int]:
    """No counts are published."""
    return {}


def load(
    root: Path, preset: str, seed: int, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> ClipTable:
    """The clip table; renders the videos first where they are not there.

    Raises:
        UserError: if the folder holds another version, preset or seed.
    """
    from fgsgl.data.synmg import make

    return make.make(root, preset, seed, workers=workers, device="cpu", progress=progress)


def motion_mask(root: Path, clip: Clip, frames: Sequence[int]) -> np.ndarray:
    """``mask_THW``: the visible pixels of the part that makes the gesture, in the given frames of a clip's video.

    Raises:
        UserError: if the clip's truth cannot be read.
    """
    from fgsgl.data.synmg import make

    return make.read_truth(root / "truth" / f"{clip.clip_id}.npz")["mask_THW"][list(frames)]
