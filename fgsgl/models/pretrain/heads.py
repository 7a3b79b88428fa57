"""The two networks under pretraining: what will be exported, and the heads that only the pretraining has.

Shapes: N = B x T frames, T frames of a clip, P patches, W width, E embedding, J joints, D dimensions, L tokens of a
text.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import open_clip
import torch
from torch import nn
from torch.nn import functional as F

from fgsgl.data.synmg.compose import DIMENSIONS
from fgsgl.models import synmg_tiny
from fgsgl.models.fgsa import FGSA
from fgsgl.models.slim_resnet import SlimResNet, feature_channels
from fgsgl.models.temporal import TemporalTransformer

NUM_JOINTS = 25
TAP = 3
"""Block of the tower whose patch tokens learn poses and answer the local queries (2/3 of the depth, as FG-SA's tap)."""
TOKEN_STD = 1e-3
"""Spread of new token embeddings. Tokens that no caption holds stay near zero, and so mean little, not anything."""


class View(NamedTuple):
    """What a network sees in a batch of clips."""

    pose_NPJ: torch.Tensor
    video_BE: torch.Tensor
    local_BDE: torch.Tensor | None


class Tower(nn.Module):
    """synmg-tiny with a pose head, and with FG-SGL's own temporal encoder and FG-SA module on top."""

    def __init__(self, num_frames: int) -> None:
        super().__init__()
        synmg_tiny.register()
        self.clip = open_clip.create_model(synmg_tiny.NAME, pretrained=None)
        nn.init.normal_(self.clip.token_embedding.weight, std=TOKEN_STD)
        trunk = self.clip.visual.trunk
        embed_dim = self.clip.text_projection.shape[1]
        self.pose = nn.Sequential(nn.LayerNorm(trunk.embed_dim), nn.Linear(trunk.embed_dim, NUM_JOINTS))
        self.temporal = TemporalTransformer(embed_dim, num_frames)
        self.fgsa = FGSA(trunk.embed_dim, embed_dim, num_frames, trunk.patch_embed.num_patches, len(DIMENSIONS), True)
        self.local_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def poses(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """pose_NPJ alone: only the blocks up to the tap run."""
        found = self.clip.visual.forward_intermediates(
            frames_NCHW, indices=[TAP - 1], stop_early=True, intermediates_only=True, output_fmt="NLC"
        )
        return self.pose(found["image_intermediates"][0])

    def forward(self, frames_NCHW: torch.Tensor, num_frames: int) -> View:
        found = self.clip.visual.forward_intermediates(frames_NCHW, indices=[TAP - 1], output_fmt="NLC")
        mid_NPW = found["image_intermediates"][0]
        frame_BTE = found["image_features"].unflatten(0, (-1, num_frames))
        local_BDE, _ = self.fgsa(mid_NPW.unflatten(0, (-1, num_frames)))
        return View(
            self.pose(mid_NPW), F.normalize(self.temporal(frame_BTE).float(), dim=-1), F.normalize(local_BDE, dim=-1)
        )

    def encode_text(self, token_KL: torch.Tensor) -> torch.Tensor:
        """Normalised text_KE. Equals open_clip's ``encode_text``, but skips the padding after the longest text."""
        clip = self.clip
        length = int(token_KL.argmax(1).max()) + 1
        x_KLW = clip.token_embedding(token_KL[:, :length]) + clip.positional_embedding[:length]
        x_KLW = clip.ln_final(clip.transformer(x_KLW, attn_mask=clip.attn_mask[:length, :length]))
        last_KW = x_KLW[torch.arange(len(token_KL), device=token_KL.device), token_KL.argmax(1)]
        return F.normalize((last_KW @ clip.text_projection).float(), dim=-1)

    def scales(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Inverse temperatures of the video and of the local level, at most 100."""
        return self.clip.logit_scale.clamp(max=math.log(100)).exp(), self.local_scale.clamp(max=math.log(100)).exp()


class Slim(nn.Module):
    """The convolutional backbone with its own projection, pose head and temporal encoder, but no texts of its own."""

    def __init__(self, embed_dim: int, num_frames: int) -> None:
        super().__init__()
        self.backbone = SlimResNet()
        self.pose = nn.Conv2d(feature_channels(), NUM_JOINTS, 1)
        self.projection = nn.Linear(feature_channels(), embed_dim, bias=False)
        self.temporal = TemporalTransformer(embed_dim, num_frames)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def poses(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """pose_NPJ alone."""
        return self.pose(self.backbone(frames_NCHW)).flatten(2).transpose(1, 2)

    def forward(self, frames_NCHW: torch.Tensor, num_frames: int) -> View:
        map_NChw = self.backbone(frames_NCHW)
        frame_BTE = self.projection(map_NChw.mean((2, 3))).unflatten(0, (-1, num_frames))
        video_BE = F.normalize(self.temporal(frame_BTE).float(), dim=-1)
        return View(self.pose(map_NChw).flatten(2).transpose(1, 2), video_BE, None)

    def scales(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Inverse temperature, twice (it has no local level)."""
        scale = self.scale.clamp(max=math.log(100)).exp()
        return scale, scale
