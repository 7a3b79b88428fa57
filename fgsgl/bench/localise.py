"""Where a trained recognizer looks, held against the true motion mask, on data sets that know it.

Shapes: N clips, B clips of a batch, K cached frames a clip, T frames, P patches of a frame, D dimensions of FG-Text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from fgsgl.data import sets
from fgsgl.data.cliptable import Clip, ClipTable
from fgsgl.data.sampling import PER_SEGMENT, evaluated_frames
from fgsgl.files import write_whole
from fgsgl.stats.localise import cover_TP, energy_inside, pointing_hit
from fgsgl.text import fgtext

Cover = Callable[[Clip], np.ndarray]
EXAMPLES = 3
"""Clips whose attention is kept for a figure."""


def localise(
    model: nn.Module, loader: DataLoader, table: ClipTable, dataset: str, examples: Path | None
) -> dict[str, Any] | None:
    """Pointing game and energy inside of each dimension's attention over the clips of a split.

    Beside them stand what needs no recognizer: attention spread evenly (``even``), and the mean motion mask of the
    training clips (``prior``), which knows where and when gestures happen, but not this clip.

    Args:
        model: trained.
        loader: of the split, in the order of its clips.
        table: the clip table.
        dataset: its name.
        examples: file for the attention of a few clips, one each of classes spread over the list; None for none.

    Returns:
        ``{"n_clips", "pointing": {name: share}, "energy": {name: share}}`` with the dimensions, ``even`` and ``prior``
        as names; None where the recognizer has no attention or the data set no masks.
    """
    module = sets.get(dataset)
    model.eval()
    if not hasattr(module, "motion_mask") or not getattr(model, "fgsa", None):
        return None
    num_frames, side = model.config.num_frames, round(model.fgsa.place_PM.shape[0] ** 0.5)

    def cover(clip: Clip) -> np.ndarray:
        frames = evaluated_frames(clip.start_frame, clip.end_frame, num_frames)
        return cover_TP(module.motion_mask(table.root, clip, frames), side)

    clips, attention_NDTP = loader.dataset.clips, _attention_NDTP(model, loader)
    training = [clip for clip in table.split("train") if clip.clip_id not in loader.dataset.cache.bad]
    prior_TP = np.mean([cover(clip) for clip in training], axis=0)
    if examples is not None:
        _write_examples(examples, clips, attention_NDTP, model.config, loader, module.motion_mask, table)
    return _measured(clips, attention_NDTP, model.config.dimensions, prior_TP, cover)


def _measured(
    clips: Sequence[Clip], attention_NDTP: np.ndarray, dimensions: Sequence[str], prior_TP: np.ndarray, cover: Cover
) -> dict[str, Any]:
    """Means over the clips of whose masks anything is visible."""
    hits: dict[str, list[bool]] = {}
    energies: dict[str, list[float]] = {}
    for clip, attention_DTP in zip(clips, attention_NDTP, strict=True):
        covered_TP = cover(clip)
        if not covered_TP.any():
            continue
        maps = {**dict(zip(dimensions, attention_DTP, strict=True)), "prior": prior_TP}
        for name, map_TP in maps.items():
            hits.setdefault(name, []).append(pointing_hit(map_TP, covered_TP))
            energies.setdefault(name, []).append(energy_inside(map_TP, covered_TP))
        hits.setdefault("even", []).append((covered_TP > 0).mean())
        energies.setdefault("even", []).append(covered_TP.mean())
    return {
        "n_clips": len(hits["even"]),
        "pointing": {name: float(np.mean(values)) for name, values in hits.items()},
        "energy": {name: float(np.mean(values)) for name, values in energies.items()},
    }


@torch.no_grad()
def _attention_NDTP(model: torch.nn.Module, loader: DataLoader) -> np.ndarray:
    parts = []
    for batch in loader:
        inputs = model.data_preprocessor(batch, training=False)["inputs"]
        parts.append(model(inputs, mode="tensor")["attention_BDTP"].float().cpu().numpy())
    return np.concatenate(parts)


def _write_examples(
    path: Path,
    clips: Sequence[Clip],
    attention_NDTP: np.ndarray,
    config: Any,
    loader: DataLoader,
    motion_mask: Callable[[Path, Clip, Sequence[int]], np.ndarray],
    table: ClipTable,
) -> None:
    """The first clip of each of ``EXAMPLES`` classes: frames, mask, attention, and the class's sentences."""
    text = fgtext.load(config.text)
    labels = [(2 * n + 1) * len(table.classes) // (2 * EXAMPLES) for n in range(EXAMPLES)]
    chosen = [next(i for i, clip in enumerate(clips) if clip.label == label) for label in labels]
    frames = [evaluated_frames(clips[i].start_frame, clips[i].end_frame, config.num_frames) for i in chosen]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        names=np.array([table.classes[label] for label in labels]),
        dimensions=np.array(config.dimensions),
        sentences_ND=np.array([[text.classes[label].sentences[d][0] for d in config.dimensions] for label in labels]),
        frames_NTHWC=np.stack(
            [loader.dataset.cache.frames(clips[i].clip_id)[PER_SEGMENT - 1 :: PER_SEGMENT] for i in chosen]
        ),
        mask_NTHW=np.stack([motion_mask(table.root, clips[i], f) for i, f in zip(chosen, frames, strict=True)]),
        attention_NDTP=attention_NDTP[chosen].astype(np.float16),
    )
    write_whole(path, buffer.getvalue())
