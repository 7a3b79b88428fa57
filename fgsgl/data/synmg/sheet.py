"""The contact sheet: every class in eight frames, as a person would judge whether the gestures can be told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fgsgl.data.synmg.clips import plan, render_clip
from fgsgl.data.synmg.presets import get_preset
from fgsgl.data.synmg.programs import CLASSES


def sheet(path: Path, preset: str = "quick", seed: int = 0, num_frames: int = 8, per_row: int = 1) -> None:
    """Draws the first training clip of every class without static confounders (the first of all where there is none).

    Args:
        path: the picture to write (PNG or what matplotlib knows by suffix).
        preset: whose clips.
        seed: of the data set.
        num_frames: frames per class, at equal distances.
        per_row: classes beside each other.

    Raises:
        UserError: for an unknown preset.
    """
    from matplotlib.figure import Figure

    settings = get_preset(preset)
    rows = -(-len(CLASSES) // per_row)
    figure = Figure(figsize=(1.05 * num_frames * per_row + 0.2, 1.27 * rows), dpi=150)
    clips = plan(settings, seed)
    for label, program in enumerate(CLASSES):
        candidates = [clip for clip in clips if clip.label == label and clip.split == "train"][:6]
        drawn = [render_clip(settings, seed, clip) for clip in candidates]
        plain = [clip for clip in drawn if clip.truth["confounder"] == "none"]
        clip = (plain or drawn)[0]
        frames = clip.frames_THWC[np.linspace(0, len(clip.frames_THWC) - 1, num_frames).round().astype(int)]
        axes = figure.add_subplot(rows, per_row, label + 1)
        axes.imshow(np.concatenate(list(frames), axis=1), interpolation="lanczos")
        axes.set_title(f"{label}  {program.name}", fontsize=7, loc="left", pad=2)
        axes.axis("off")
    figure.subplots_adjust(left=0.005, right=0.995, top=0.985, bottom=0.003, hspace=0.14, wspace=0.02)
    figure.savefig(path)
