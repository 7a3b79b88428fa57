"""Losses of the pretraining.

Shapes: N pictures, J joints, P = G x G patches, C captions, V statements, S statements of a kind, E embedding;
embeddings are normalised.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import functional as F


def pose_loss(logits_NPJ: torch.Tensor, joints_NJ2: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each visible joint's place over the patches (ours).

    The target spreads over the four nearest patch centres with bilinear weights, so its expectation is the joint's
    exact place: the tokens have to tell places much nearer to each other than a patch is wide.
    """
    side = round(logits_NPJ.shape[1] ** 0.5)
    place_NJ2 = (joints_NJ2 * side - 0.5).clamp(0, side - 1)
    axis_NJ2G = (1 - (place_NJ2[..., None] - torch.arange(side, device=place_NJ2.device)).abs()).clamp(min=0)
    target_NJP = (axis_NJ2G[:, :, 1, :, None] * axis_NJ2G[:, :, 0, None, :]).flatten(2)
    loss_NJ = -(target_NJP * F.log_softmax(logits_NPJ.float(), dim=1).transpose(1, 2)).sum(-1)
    visible_NJ = inside(joints_NJ2)
    return (loss_NJ * visible_NJ).sum() / visible_NJ.sum().clamp(min=1)


def expected_place(logits_NPJ: torch.Tensor) -> torch.Tensor:
    """Mean of the patch centres under the softmax over patches: place_NJ2, as fractions of the image."""
    side = round(logits_NPJ.shape[1] ** 0.5)
    centres_G = (torch.arange(side, device=logits_NPJ.device) + 0.5) / side
    centres_P2 = torch.stack((centres_G.repeat(side), centres_G.repeat_interleave(side)), dim=-1)
    return logits_NPJ.float().softmax(1).transpose(1, 2) @ centres_P2


def inside(joints_NJ2: torch.Tensor) -> torch.Tensor:
    """Whether a joint lies in the picture: bool_NJ."""
    return ((joints_NJ2 >= 0) & (joints_NJ2 <= 1)).all(-1)


def pose_error_NJ(logits_NPJ: torch.Tensor, joints_NJ2: torch.Tensor) -> torch.Tensor:
    """Distance of the expected place from the true one, as a fraction of the image side; NaN outside the image."""
    distance_NJ = (expected_place(logits_NPJ) - joints_NJ2).norm(dim=-1)
    return distance_NJ.masked_fill(~inside(joints_NJ2), float("nan"))


def unexplained(found_NE: torch.Tensor, taught_NE: torch.Tensor) -> torch.Tensor:
    """Share of the teacher's variance in the batch that the embeddings do not explain (ours)."""
    spread_NE = taught_NE - taught_NE.mean(0, keepdim=True)
    return (found_NE - taught_NE).square().sum() / spread_NE.square().sum()


def contrastive_loss(
    picture_NE: torch.Tensor, caption_CE: torch.Tensor, agree_CN: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """CLIP's symmetric cross-entropy, where every picture of which a caption is true is a right answer.

    Caption c was drawn for picture c; there may be fewer captions than pictures. A picture of which no caption is
    true does not count.
    """
    logits_CN = scale * caption_CE @ picture_NE.T
    to_picture = F.cross_entropy(logits_CN, agree_CN / agree_CN.sum(1, keepdim=True))
    told_N = agree_CN.sum(0) > 0
    agree_NC = agree_CN.T[told_N]
    to_caption = F.cross_entropy(logits_CN.T[told_N], agree_NC / agree_NC.sum(1, keepdim=True))
    return (to_picture + to_caption) / 2


def statement_loss(
    picture_NE: torch.Tensor,
    sentence_VE: torch.Tensor,
    true_NV: torch.Tensor,
    kinds: Iterable[slice],
    scale: torch.Tensor,
) -> torch.Tensor:
    """Cross-entropy of each picture over the sentences of a kind, the mean over kinds (ours).

    Where two sentences of a kind are true, of two hands, each is half of the answer; where none is, the kind does not
    count for the picture. Captions alone teach what tells whole pictures apart, which the hands do: not their colours.
    """
    logits_NV = scale * picture_NE @ sentence_VE.T
    losses = []
    for kind in kinds:
        true_NS = true_NV[:, kind]
        told_N = true_NS.sum(1) > 0
        if told_N.any():
            right_NS = true_NS[told_N] / true_NS[told_N].sum(1, keepdim=True)
            losses.append(F.cross_entropy(logits_NV[told_N][:, kind], right_NS))
    return torch.stack(losses).mean()
