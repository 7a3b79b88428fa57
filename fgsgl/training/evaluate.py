"""Scoring a split: every clip exactly once, by every method alike.

Shapes: N clips, C classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from fgsgl.mmaction.datasets import ClipDataset
from fgsgl.records.predictions import HIDDEN, Predictions

EXTRA = ("category", "fine")
"""Further scores that a recognizer may set on its data samples, as ``<name>_score``."""


def predict_split(
    model: BaseModel, loader: DataLoader, views: int = 1, progress: Callable[[int, int], None] | None = None
) -> Predictions:
    """Scores every clip of a loader's split.

    Args:
        model: trained.
        loader: of the split.
        views: choices of frames that every clip is scored with; the probabilities are averaged over them.
        progress: called with (batches done, batches in all).

    Raises:
        RuntimeError: if the clips scored are not those of the split, each once.
    """
    model.eval()
    clip_ids: list[str] = []
    parts: dict[str, list[np.ndarray]] = {}
    with torch.no_grad():
        for index, batch in enumerate(loader):
            clip_ids += [sample.clip_id for sample in batch["data_samples"]]
            for sample in batch["data_samples"]:
                sample.pop("gt_label", None)
            for name, scores_BC in _scores(model, batch, views).items():
                parts.setdefault(name, []).append(scores_BC)
            if progress is not None:
                progress(index + 1, len(loader))
    clip_of = {clip.clip_id: clip for clip in cast(ClipDataset, loader.dataset).clips}
    if sorted(clip_ids) != sorted(clip_of):
        raise RuntimeError(
            f"scored {len(clip_ids)} clips ({len(set(clip_ids))} distinct), but the split has {len(clip_of)}"
        )
    labels = [clip_of[clip_id].label for clip_id in clip_ids]
    return Predictions(
        clip_ids=np.array(clip_ids),
        subjects=np.array([clip_of[clip_id].subject for clip_id in clip_ids]),
        labels=np.array([HIDDEN if label is None else label for label in labels], dtype=np.int64),
        scores={name: np.concatenate(tables) for name, tables in parts.items()},
    )


def _scores(model: BaseModel, batch: dict[str, Any], views: int) -> dict[str, np.ndarray]:
    """The probabilities of a batch by the name of the score, ``scores_BC``, their mean over the views."""
    sums: dict[str, torch.Tensor] = {}
    preprocessor: Any = model.data_preprocessor
    for view in range(views):
        preprocessor.view = view
        samples = model.test_step(batch)
        named = {"combined": "pred_score", **{name: f"{name}_score" for name in EXTRA if f"{name}_score" in samples[0]}}
        for name, field in named.items():
            scores_BC = torch.stack([getattr(sample, field).float().cpu() for sample in samples])
            sums[name] = sums[name] + scores_BC if name in sums else scores_BC
    preprocessor.view = 0
    return {name: (sum_BC / views).numpy() for name, sum_BC in sums.items()}


def adjusted(predictions: Predictions, clips: Sequence[int], power: float, unseen: Sequence[int] = ()) -> Predictions:
    """Every score of a split by :func:`without_prior`."""
    scores = {name: without_prior(scores_NC, clips, power, unseen) for name, scores_NC in predictions.scores.items()}
    return dataclasses.replace(predictions, scores=scores)


def without_prior(scores_NC: np.ndarray, clips: Sequence[int], power: float, unseen: Sequence[int] = ()) -> np.ndarray:
    """Post-hoc logit adjustment (Menon et al., arXiv 2007.07314): probabilities over the classes' shares ** power.

    Args:
        scores_NC: probabilities.
        clips: training clips of each class; one without a clip counts as having one. Empty: nothing is known of them,
            and nothing is changed.
        power: tau; 0 changes nothing.
        unseen: classes held out of training; each counts as having the geometric mean of the others' clips, so that the
            adjustment speaks neither for nor against it.
    """
    if power == 0 or not len(clips):
        return scores_NC
    clips_C = np.maximum(clips, 1).astype(np.float64)
    if unseen:
        clips_C[list(unseen)] = np.exp(np.log(np.delete(clips_C, list(unseen))).mean())
    raised_NC = scores_NC / (clips_C / clips_C.sum()) ** power
    return (raised_NC / raised_NC.sum(1, keepdims=True)).astype(np.float32)
