"""What a pretrained network knows of compositions that it never saw.

Shapes: N clips, B clips of one retrieval round, E embedding, D dimensions, K texts.
"""

from __future__ import annotations

import numpy as np
import open_clip
import torch
from torch.nn import functional as F

from fgsgl.data.synmg import compose
from fgsgl.models import synmg_tiny
from fgsgl.models.pretrain import losses
from fgsgl.models.pretrain.augment import normalise
from fgsgl.models.pretrain.heads import Slim, Tower
from fgsgl.models.pretrain.pool import Batch, Pool

ROUND = 100
"""Compositions of a retrieval round: R@1 means the right caption out of 100."""
HANDS = (7, 11)


@torch.no_grad()
def evaluate(tower: Tower, slim: Slim, held_out: Pool, train: Pool, device: str = "cpu") -> dict[str, float]:
    """Retrieval, read-out of each dimension and pose error of both networks on the held-out clips."""
    batch = held_out.batch(np.arange(len(held_out)))
    tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
    caption_NE = tower.encode_text(tokenizer(list(batch.captions)).to(device))
    values = [_value_texts(tower, tokenizer, known, device) for known in train.sentences]
    result: dict[str, float] = {}
    for name, network in (("", tower), ("slim_", slim)):
        video_NE, local_NDE, error_NJ = _views(network, batch, device)
        result |= {f"{name}{key}": value for key, value in retrieval(video_NE, caption_NE, batch.compositions).items()}
        result[f"{name}pose_error"] = error_NJ.nanmean().item()
        result[f"{name}hand_error"] = error_NJ[:, HANDS].nanmean().item()
        for number, (dimension, (value_K, text_KE)) in enumerate(zip(compose.DIMENSIONS, values, strict=True)):
            target_N = batch.targets_BD[:, number]
            result[f"{name}video_{dimension}"] = _accuracy(video_NE, text_KE, value_K, target_N)
            if local_NDE is not None:
                result[f"{name}local_{dimension}"] = _accuracy(local_NDE[:, number], text_KE, value_K, target_N)
    return result


def retrieval(video_NE: torch.Tensor, caption_NE: torch.Tensor, compositions: tuple[str, ...]) -> dict[str, float]:
    """R@1 and R@5 of each clip's caption among those of 100 different compositions, over all whole rounds."""
    ranks = []
    for index_B in _rounds(compositions):
        scores_BB = video_NE[index_B] @ caption_NE[index_B].T
        ranks.append((scores_BB > scores_BB.diagonal()[:, None]).sum(1).float())
    rank = torch.cat(ranks) if ranks else torch.full((1,), float("nan"))
    return {"r_at_1": (rank < 1).float().mean().item(), "r_at_5": (rank < 5).float().mean().item()}


def _rounds(compositions: tuple[str, ...]) -> list[list[int]]:
    """Disjoint lists of ``ROUND`` clips, no composition twice in a list; what fills no round is left out."""
    rounds: list[dict[str, int]] = []
    for index, name in enumerate(compositions):
        free = next((chosen for chosen in rounds if len(chosen) < ROUND and name not in chosen), None)
        if free is None:
            rounds.append(free := {})
        free[name] = index
    return [list(chosen.values()) for chosen in rounds if len(chosen) == ROUND]


def _views(network: Tower | Slim, batch: Batch, device: str) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """video_NE, local_NDE (the tower's alone) and pose errors_NJ (N frames), 32 clips at a time."""
    videos, locals_, errors = [], [], []
    for start in range(0, len(batch.captions), 32):
        frames_BTHWC = batch.frames_BTHWC[start : start + 32].to(device)
        view = network(normalise(frames_BTHWC), frames_BTHWC.shape[1])
        joints_NJ2 = batch.joints_BTJ2[start : start + 32].flatten(0, 1).to(device)
        videos.append(view.video_BE)
        locals_.append(view.local_BDE)
        errors.append(losses.pose_error_NJ(view.pose_NPJ, joints_NJ2))
    return torch.cat(videos), None if locals_[0] is None else torch.cat(locals_), torch.cat(errors)


def _value_texts(
    tower: Tower, tokenizer: open_clip.SimpleTokenizer, known: dict[int, set[str]], device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of a dimension's values, and for each the normalised mean of its sentences' embeddings."""
    sentences = {value: sorted(known[value])[:8] for value in sorted(known)}
    text_KE = tower.encode_text(tokenizer([text for texts in sentences.values() for text in texts]).to(device))
    means = [part.mean(0) for part in text_KE.split([len(texts) for texts in sentences.values()])]
    return torch.tensor(list(sentences)), F.normalize(torch.stack(means), dim=-1)


def _accuracy(found_NE: torch.Tensor, text_KE: torch.Tensor, value_K: torch.Tensor, target_N: torch.Tensor) -> float:
    chosen_N = value_K[(found_NE @ text_KE.T).argmax(1).cpu()]
    return (chosen_N == target_N)[target_N >= 0].float().mean().item()
