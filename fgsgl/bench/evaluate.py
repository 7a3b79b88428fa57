"""Scoring a split: every clip exactly once, whatever the method.

Shapes: N clips, C classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from fgsgl.bench.record import Predictions

EXTRA = ("category", "fine")
"""Further scores that a recognizer may set on its data samples, as ``<name>_score``."""


def predict_split(
    model: BaseModel, loader: DataLoader, progress: Callable[[int, int], None] | None = None
) -> Predictions:
    """Scores every clip of a loader's split.

    Raises:
        RuntimeError: if the clips scored are not those of the split, each once.
    """
    model.eval()
    samples = []
    with torch.no_grad():
        for index, batch in enumerate(loader):
            labels = [sample.gt_label.item() for sample in batch["data_samples"]]
            for sample in batch["data_samples"]:
                del sample.gt_label
            samples += list(zip(model.test_step(batch), labels, strict=True))
            if progress is not None:
                progress(index + 1, len(loader))
    clips = loader.dataset.clips
    ids = [sample.clip_id for sample, _ in samples]
    if sorted(ids) != sorted(clip.clip_id for clip in clips):
        raise RuntimeError(f"scored {len(ids)} clips ({len(set(ids))} distinct), but the split has {len(clips)}")
    extra = [name for name in EXTRA if f"{name}_score" in samples[0][0]]
    return Predictions(
        clip_ids=np.array(ids),
        subjects=np.array([sample.subject for sample, _ in samples]),
        labels=np.array([label for _, label in samples], dtype=np.int64),
        scores={"combined": _table(samples, "pred_score")} | {name: _table(samples, f"{name}_score") for name in extra},
    )


def _table(samples: list, name: str) -> np.ndarray:
    return torch.stack([getattr(sample, name).float().cpu() for sample, _ in samples]).numpy()
