"""Where a trained recognizer looks, held against the true motion mask, on data sets that know it.

FG-SA looks by its attention, one map a dimension. What stands for it in a recognizer without such a module is gradient
saliency (Simonyan et al. 2014, arXiv 1312.6034): the gradient, in the pixels, of the score of the class that it
predicts. No label enters either.

Shapes: N clips, B clips of a batch, K cached frames a clip, T frames, C colour channels, H x W pixels, P patches of a
frame, D dimensions of FG-Text, E joint embedding.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from fgsgl.data import datasets
from fgsgl.data.clip_table import PER_SEGMENT, Clip, ClipTable, evaluated_frames, labels_of
from fgsgl.data.joined_table import origin, parts_of
from fgsgl.mmaction.datasets import ClipDataset
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.towers.recognizer import TowerRecognizer
from fgsgl.records.record import Localisation, Readout, scored_sha256
from fgsgl.stats.localise import centre_TP, cover_TP, energy_inside, pointing_hit, saliency_TP
from fgsgl.stats.retrieval import first_hits
from fgsgl.text import embed, fgtext
from fgsgl.util.files import write_whole
from fgsgl.util.late_imports import eager

Cover = Callable[[Clip], np.ndarray]
ReadoutTable = dict[str, dict[str, Readout]]
CLIPS = 136
"""Clips that are looked at (eight of each of SynMG's classes): a gradient costs twice what a score does."""
EXAMPLES = 3
"""Clips whose maps are kept for a figure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Files for what a figure shows of a few clips; None for none."""

    saliency: Path | None = None
    """Small: a map a clip."""
    attention: Path | None = None
    """Of a recognizer with FG-SA: with the clips' frames, so a hundred times as large."""


def localise(
    model: BaseModel, loader: DataLoader, table: ClipTable, dataset: str, batch: int, kept: Kept
) -> Localisation | None:
    """Pointing game and energy inside of each dimension's attention and of gradient saliency over clips of a split.

    Beside them stand what needs no recognizer: a map spread evenly (``even``), the middle of the picture and of the
    clip (``centre``), and the mean motion mask of the training clips (``prior``), which knows where and when gestures
    happen, but not this clip. Training clips of other data without masks give no ``prior``.

    Args:
        model: trained.
        loader: of the split, in the order of its clips.
        table: the clip table.
        dataset: its name.
        batch: clips at a time; the gradients of as many must fit into memory.
        kept: files for the maps of a few clips, one each of classes spread over the list.

    Returns:
        maps named by the dimensions (of a recognizer with FG-SA), ``saliency``, ``even``, ``centre`` and ``prior``,
        over those clips of :func:`spread` whose masks show anything; ``readout`` of :func:`read_out` over all clips of
        :func:`spread`. None where the recognizer is not built on the tower or the data set has no masks.
    """
    motion_mask = datasets.get(dataset).motion_mask
    if motion_mask is None or not isinstance(model, FGSGL | TowerRecognizer):
        return None
    model.eval()
    split = cast(ClipDataset, loader.dataset)
    looked_at = spread(labels_of(split.clips))
    clips = [split.clips[index] for index in looked_at]
    part = DataLoader(Subset(split, looked_at), batch_size=batch, collate_fn=loader.collate_fn)
    side = _patches_a_side(model, image_size=split[looked_at[0]]["inputs"].shape[1])
    with eager():  # a compiled tower would be compiled anew for gradients in pixels
        shown = _shown(model, part, side)

    def cover(clip: Clip) -> np.ndarray:
        part, own = origin(table, clip)
        mask = datasets.get(part.dataset).motion_mask
        assert mask is not None  # asked for above, and below
        frames = evaluated_frames(own.start_frame, own.end_frame, split.num_frames)
        return cover_TP(mask(part.root, own, frames), side)

    examples = _examples(labels_of(clips))
    examined = [clips[place] for place in examples]
    maps = {"saliency": shown["saliency_BTP"]}
    if kept.saliency is not None:
        names = [table.classes[label] for label in labels_of(examined)]
        _write_saliency(kept.saliency, names, shown["saliency_BTP"][examples])
    if isinstance(model, FGSGL) and "attention_BDTP" in shown:
        maps |= dict(zip(model.config.dimensions, shown["attention_BDTP"].swapaxes(0, 1), strict=True))
        if kept.attention is not None:
            attention_NDTP = shown["attention_BDTP"][examples]
            _write_attention(kept.attention, examined, attention_NDTP, model.config, split, motion_mask, table)
    fixed = {
        "even": np.ones((split.num_frames, side * side)),
        "centre": centre_TP(split.num_frames, side),
    }
    if datasets.get(parts_of(table)[0].dataset).motion_mask is not None:
        training = [clip for clip in table.split("train") if clip.clip_id not in split.cache.bad]
        fixed["prior"] = np.mean([cover(clip) for clip in training], axis=0)
    readout = read_out(model, shown, np.array(labels_of(clips)))
    return _measured(clips, maps, fixed, cover, readout)


def spread(labels: Sequence[int]) -> list[int]:
    """Which clips of a split are looked at: ``CLIPS`` of them (all of a smaller split), as evenly over the classes as
    may be, drawn with a fixed seed; the same for every cell, in the split's order."""
    taken: Counter[int] = Counter()
    turn = {}
    for index in np.random.default_rng(0).permutation(len(labels)).tolist():
        turn[index] = taken[labels[index]]
        taken[labels[index]] += 1
    return sorted(sorted(turn, key=turn.__getitem__)[:CLIPS])


def _patches_a_side(model: FGSGL | TowerRecognizer, image_size: int) -> int:
    frame_13HW = torch.zeros(1, 3, image_size, image_size, device=next(model.parameters()).device)
    with torch.no_grad():
        mid_1PW, _ = model.tower.encode_frames(frame_13HW, tap=1)
    return round(mid_1PW.shape[1] ** 0.5)


def _shown(model: BaseModel, loader: DataLoader, side: int) -> dict[str, np.ndarray]:
    """``saliency_BTP`` of all clips, and whatever the recognizer shows of ``attention_BDTP``, ``fine_logits_BDC`` and
    ``video_BE``."""
    parts: dict[str, list[np.ndarray]] = {}
    for batch in loader:
        clip_BTCHW = model.data_preprocessor(batch, training=False)["inputs"].requires_grad_()
        shown = model(clip_BTCHW, mode="tensor")
        shown = shown if isinstance(shown, Mapping) else {"logits_BC": shown}
        (gradient_BTCHW,) = torch.autograd.grad(_class_logits_BC(shown).amax(1).sum(), clip_BTCHW)
        maps = [saliency_TP(gradient_TCHW, side) for gradient_TCHW in gradient_BTCHW.float().cpu().numpy()]
        parts.setdefault("saliency_BTP", []).append(np.stack(maps))
        for name in shown.keys() & {"attention_BDTP", "fine_logits_BDC", "video_BE"}:
            parts.setdefault(name, []).append(shown[name].detach().float().cpu().numpy())
    return {name: np.concatenate(tables) for name, tables in parts.items()}


def _class_logits_BC(shown: Mapping[str, Tensor]) -> Tensor:
    """The category level's, or those of the only level that there is."""
    if "fine_logits_BDC" in shown and "category_logits_BC" not in shown:
        return shown["fine_logits_BDC"].mean(1)
    return shown["category_logits_BC"] if "category_logits_BC" in shown else shown["logits_BC"]


def _measured(
    clips: Sequence[Clip],
    maps: Mapping[str, Iterable[np.ndarray]],
    fixed: Mapping[str, np.ndarray],
    cover: Cover,
    readout: ReadoutTable | None,
) -> Localisation:
    """Means over the clips of whose masks anything is visible; ``maps`` has a map of each clip, ``fixed`` one for all.

    The pointing game of a map without a largest patch is the share of the patches that the mask reaches into.
    """
    hits: dict[str, list[float]] = {}
    energies: dict[str, list[float]] = {}
    looked = []
    for clip, *own in zip(clips, *maps.values(), strict=True):
        covered_TP = cover(clip)
        if not covered_TP.any():
            continue
        looked.append(clip.clip_id)
        for name, map_TP in {**dict(zip(maps, own, strict=True)), **fixed}.items():
            hit = (covered_TP > 0).mean() if name == "even" else pointing_hit(map_TP, covered_TP)
            hits.setdefault(name, []).append(hit)
            energies.setdefault(name, []).append(energy_inside(map_TP, covered_TP))
    return Localisation(
        n_clips=len(looked),
        clips_sha256=scored_sha256(looked),
        pointing={name: float(np.mean(values)) for name, values in hits.items()},
        energy={name: float(np.mean(values)) for name, values in energies.items()},
        readout=readout,
    )


def _examples(of_clips: Sequence[int]) -> list[int]:
    """The places of the kept clips, by the labels of all: the first of each of ``EXAMPLES`` classes, spread over those
    that have a clip."""
    first: dict[int, int] = {}
    for place, label in enumerate(of_clips):
        first.setdefault(label, place)
    labels = sorted(first)
    chosen = dict.fromkeys(labels[(2 * n + 1) * len(labels) // (2 * EXAMPLES)] for n in range(EXAMPLES))
    return [first[label] for label in chosen]


def _write_saliency(path: Path, names: Sequence[str], saliency_NTP: np.ndarray) -> None:
    """The saliency of the kept clips, of which each map's sum is 1, with the names of their classes."""
    shares_NTP = saliency_NTP / saliency_NTP.sum(axis=(1, 2), keepdims=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=np.array(names), saliency_NTP=shares_NTP.astype(np.float16))
    write_whole(path, buffer.getvalue())


def _write_attention(
    path: Path,
    clips: Sequence[Clip],
    attention_NDTP: np.ndarray,
    config: FGSGLConfig,
    split: ClipDataset,
    motion_mask: Callable[[Path, Clip, Sequence[int]], np.ndarray],
    table: ClipTable,
) -> None:
    """Frames, mask and attention of the kept clips, and the sentences of their classes."""
    text = fgtext.load(config.text)
    frames = [evaluated_frames(clip.start_frame, clip.end_frame, config.num_frames) for clip in clips]
    labels = labels_of(clips)
    sentences = [[text.classes[label].sentences[d][0] for d in config.dimensions] for label in labels]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        names=np.array([table.classes[label] for label in labels]),
        dimensions=np.array(config.dimensions),
        sentences_ND=np.array(sentences),
        frames_NTHWC=np.stack([split.cache.frames(clip.clip_id)[PER_SEGMENT - 1 :: PER_SEGMENT] for clip in clips]),
        mask_NTHW=np.stack([motion_mask(table.root, clip, own) for clip, own in zip(clips, frames, strict=True)]),
        attention_NDTP=attention_NDTP.astype(np.float16),
    )
    write_whole(path, buffer.getvalue())


def read_out(model: BaseModel, shown: Mapping[str, np.ndarray], labels_N: np.ndarray) -> ReadoutTable | None:
    """R@1 of each dimension's sentences.

    Args:
        model: FG-SGL.
        shown: of the clips, whichever there are of ``fine_logits_BDC``, FG-SA's local embeddings against the sentences
            that they were trained with (a control's, where there was one), and ``video_BE``, what the category text is
            compared with, which is held against the true sentences.
        labels_N: the clips' classes.

    Returns:
        ``local`` and ``video``, each by dimension, and either only where there is such an embedding and, for
        ``video``, a text tower that was not dropped; None where there is neither.
    """
    if not isinstance(model, FGSGL):
        return None
    found: ReadoutTable = {}
    if "fine_logits_BDC" in shown:
        config = model.config
        text = fgtext.load_classes(config.text, config.num_classes)
        control = config.dimensions, config.text_control, config.text_seed
        same_DCC = embed.positives_DCC(text, *control, whole_classes=config.text_draw == "once").numpy()
        found["local"] = _hits(shown["fine_logits_BDC"], labels_N, same_DCC, config.dimensions)
    if "video_BE" in shown and model.tower.text is not None:
        text = fgtext.load_classes(model.config.text, model.config.num_classes)
        true_CDE = embed.fine_text_CDE(text, model.tower.encode_text).cpu().numpy()
        score_NDC = np.einsum("ne,cde->ndc", shown["video_BE"], true_CDE)
        found["video"] = _hits(score_NDC, labels_N, embed.positives_DCC(text).numpy(), fgtext.DIMENSIONS)
    return found or None


def _hits(
    score_NDC: np.ndarray, labels_N: np.ndarray, same_DCC: np.ndarray, dimensions: Sequence[str]
) -> dict[str, Readout]:
    hits = (first_hits(score_NDC[:, d], labels_N, same_DCC[d]) for d in range(len(dimensions)))
    return {name: Readout(**found._asdict()) for name, found in zip(dimensions, hits, strict=True)}
