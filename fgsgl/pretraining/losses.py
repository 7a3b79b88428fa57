"""Losses of the pretraining.

Shapes: N frames, J joints, P = G x G patches, B clips, C captions, K texts, E embedding; embeddings are normalised.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

MOTION_UNIT = 1 / 28
"""Share of the image side that a micro-gesture moves: 4 px at 112."""


def pose_loss(logits_NPJ: torch.Tensor, joints_NJ2: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each visible joint's place over the patches (ours).

    The target spreads over the four nearest patch centres with bilinear weights, so its expectation is the joint's
    exact place: the tokens have to tell motions much smaller than a patch.
    """
    side = round(logits_NPJ.shape[1] ** 0.5)
    place_NJ2 = (joints_NJ2 * side - 0.5).clamp(0, side - 1)
    axis_NJ2G = (1 - (place_NJ2[..., None] - torch.arange(side, device=place_NJ2.device)).abs()).clamp(min=0)
    target_NJP = (axis_NJ2G[:, :, 1, :, None] * axis_NJ2G[:, :, 0, None, :]).flatten(2)
    loss_NJ = -(target_NJP * F.log_softmax(logits_NPJ.float(), dim=1).transpose(1, 2)).sum(-1)
    visible_NJ = inside(joints_NJ2)
    return (loss_NJ * visible_NJ).sum() / visible_NJ.sum().clamp(min=1)


def motion_loss(logits_NPJ: torch.Tensor, joints_NJ2: torch.Tensor, num_frames: int) -> torch.Tensor:
    """Error of each joint's displacement between successive frames, in units of ``MOTION_UNIT`` (ours).

    An error that a joint's place has in common in both frames does not count, so it is about motion alone.
    """
    error_BTJ2 = (expected_place(logits_NPJ) - joints_NJ2).unflatten(0, (-1, num_frames))
    visible_BTJ = inside(joints_NJ2).unflatten(0, (-1, num_frames))
    both_BTJ = visible_BTJ[:, 1:] & visible_BTJ[:, :-1]
    change_BTJ = (error_BTJ2[:, 1:] - error_BTJ2[:, :-1]).abs().sum(-1) / MOTION_UNIT
    return (change_BTJ * both_BTJ).sum() / both_BTJ.sum().clamp(min=1)


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


def frame_losses(frame_BTE: torch.Tensor, taught_BTE: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Shares of the teacher's variance that the embeddings do not explain: of the frames, and of their changes (ours).

    An error that all frames of a clip have in common does not count in the second, which is about motion alone.
    """
    change_BTE, wanted_BTE = frame_BTE.diff(dim=1), taught_BTE.diff(dim=1)
    spread_BTE = taught_BTE - taught_BTE.mean((0, 1), keepdim=True)
    frame = (frame_BTE - taught_BTE).square().sum() / spread_BTE.square().sum()
    return frame, (change_BTE - wanted_BTE).square().sum() / wanted_BTE.square().sum()


def contrastive_loss(
    video_BE: torch.Tensor, caption_CE: torch.Tensor, same_BC: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Symmetric cross-entropy of clips and captions (CLIP); captions of the same composition are all right answers.

    The first B captions are the clips' own. A clip is told from all captions, an own caption from the batch's clips.
    """
    logits_BC = scale * video_BE @ caption_CE.T
    own = slice(len(video_BE))
    to_text = F.cross_entropy(logits_BC, same_BC / same_BC.sum(1, keepdim=True))
    to_video = F.cross_entropy(logits_BC[:, own].T, same_BC[:, own] / same_BC[:, own].sum(1, keepdim=True))
    return (to_text + to_video) / 2


def dimension_loss(
    video_BE: torch.Tensor, text_KE: torch.Tensor, target_B: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy over one sentence for each value of a dimension; clips whose target is -1 do not count."""
    if not (target_B >= 0).any():
        return video_BE.sum() * 0.0
    return F.cross_entropy(scale * video_BE @ text_KE.T, target_B, ignore_index=-1)
