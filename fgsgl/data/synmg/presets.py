"""The three presets, and ``smoke`` for trying things out: sizes and difficulty.

Changing one changes the benchmark, so it needs a new SynMG version.
"""

from __future__ import annotations

from dataclasses import dataclass

from fgsgl.data.synmg.scene import Difficulty
from fgsgl.util.errors import UserError, nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """One benchmark's sizes and difficulty."""

    name: str
    subjects: tuple[int, int, int]
    """People in train, val and test; nobody is in two."""
    most_frequent: int
    """Training clips of the most frequent class."""
    tail_ratio: float
    """Most frequent over least frequent training class; geometric in between."""
    val_per_class: int
    test_per_class: int
    difficulty: Difficulty
    seconds: float = 2.0
    fps: int = 25
    size_px: int = 112
    crf: int = 18
    """x264's constant rate factor."""

    @property
    def num_frames(self) -> int:
        """Frames per clip."""
        return round(self.seconds * self.fps)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            subjects=(60, 20, 30),
            most_frequent=100,
            tail_ratio=4.0,
            val_per_class=10,
            test_per_class=24,
            difficulty=Difficulty(
                amplitude_m=0.032, confound_rest=0.70, confound_there=0.25, confound_early=0.15, idle=0.8,
                unrelated=0.3, clutter=6, noise_grey=(1.0, 2.0),
            ),
        ),
        Preset(
            name="standard",
            subjects=(120, 24, 30),
            most_frequent=214,
            tail_ratio=4.0,
            val_per_class=20,
            test_per_class=48,
            difficulty=Difficulty(
                amplitude_m=0.026, confound_rest=1.00, confound_there=0.30, confound_early=0.25, idle=1.1,
                unrelated=0.4, clutter=8, noise_grey=(1.0, 2.5),
            ),
        ),
        Preset(
            name="hard",
            subjects=(120, 24, 30),
            most_frequent=214,
            tail_ratio=4.0,
            val_per_class=20,
            test_per_class=48,
            difficulty=Difficulty(
                amplitude_m=0.014, confound_rest=1.00, confound_there=0.45, confound_early=0.50, idle=2.0,
                unrelated=0.8, clutter=14, noise_grey=(1.5, 3.5),
            ),
        ),
        Preset(
            name="smoke",  # a benchmark of nothing: the whole way of an experiment in a minute
            subjects=(4, 2, 2),
            most_frequent=4,
            tail_ratio=2.0,
            val_per_class=1,
            test_per_class=2,
            seconds=1.2,
            difficulty=Difficulty(
                amplitude_m=0.05, confound_rest=0.0, confound_there=0.0, confound_early=0.0, idle=0.5,
                unrelated=0.0, clutter=3, noise_grey=(0.5, 1.0),
            ),
        ),
    )
}  # fmt: skip


def get_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UserError: for an unknown name.
    """
    if name not in PRESETS:
        raise UserError(f"unknown SynMG preset {name!r}; {nearest(name, tuple(PRESETS))}")
    return PRESETS[name]
