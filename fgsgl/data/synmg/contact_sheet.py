"""The contact sheet: every class in eight frames, as a person would judge whether the gestures can be told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fgsgl.data.synmg.clips import plan, render_clip
from fgsgl.data.synmg.presets import get_preset
from fgsgl.data.synmg.programs import CLASSES, fine_pairs


def sheet(path: Path, preset: str = "quick", seed: int = 0, num_frames: int = 8) -> None:
    """Draws one clip of every class, without static confounders: of six test clips the one with most contrast.

    The two classes of a fine pair stand side by side, above the classes that are in none.

    Args:
        path: the picture to write (PNG or what matplotlib knows by suffix).
        preset: whose difficulty and people.
        seed: of the data set.
        num_frames: frames per class, from the motion's onset to its end.

    Raises:
        UserError: for an unknown preset.
    """
    from matplotlib.figure import Figure

    settings = get_preset(preset)
    plain = replace(settings.difficulty, confound_rest=0.0, confound_there=0.0, confound_early=0.0, unrelated=0.0)
    clips = plan(settings, seed)
    columns = 2
    rows = -(-len(CLASSES) // columns)
    figure = Figure(figsize=(0.72 * num_frames * columns, 1.12 * rows), dpi=160)
    paired = [label for pair in fine_pairs() for label in (pair.one, pair.other)]
    for place, label in enumerate([*paired, *(label for label in range(len(CLASSES)) if label not in paired)], 1):
        candidates = [clip for clip in clips if clip.label == label and clip.split == "test"][:6]
        rendered = [render_clip(replace(settings, difficulty=plain), seed, clip) for clip in candidates]
        drawn = max(rendered, key=lambda clip: clip.frames_THWC.std(0)[clip.mask_THW.any(0)].mean())
        first, last = int(drawn.attributes["onset_frame"]), int(drawn.attributes["offset_frame"])
        moments = np.linspace(first, max(last, first + settings.num_frames // 2), num_frames).round().astype(int)
        frames = drawn.frames_THWC[np.minimum(moments, settings.num_frames - 1)]
        edge = settings.size_px // 8
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(np.concatenate(list(frames[:, :, edge:-edge]), axis=1), interpolation="lanczos")
        axes.set_title(f"{label}  {CLASSES[label].name}", fontsize=6.5, loc="left", pad=2)
        axes.axis("off")
    figure.subplots_adjust(left=0.004, right=0.996, top=0.98, bottom=0.003, hspace=0.13, wspace=0.015)
    figure.savefig(path)
