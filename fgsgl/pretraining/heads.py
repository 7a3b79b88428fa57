"""The two networks under pretraining: what will be exported, and the heads that only the pretraining has.

Shapes: N = B x T frames, T frames of a clip, P patches, W width, E embedding, J joints, D dimensions.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import fgsgl.util.cured_stack  # noqa: F401

import open_clip
import torch
from torch import nn
from torch.nn import functional as F

from fgsgl.models.baselines.slim_resnet import SlimResNet, feature_channels
from fgsgl.models.fgsgl.fgsa import FGSA
from fgsgl.models.towers import synmg_tiny
from fgsgl.pretraining.teacher import Teacher
from fgsgl.text.fgtext import DIMENSIONS

NUM_JOINTS = 25
TAP = 3
"""Block of the tower whose patch tokens learn poses and answer the local queries (2/3 of the depth, as FG-SA's tap)."""


class View(NamedTuple):
    """Outputs of a network for a batch of clips; embeddings are normalised."""

    pose_NPJ: torch.Tensor
    frame_BTE: torch.Tensor
    video_BE: torch.Tensor
    local_BDE: torch.Tensor | None


class TowerStudent(nn.Module):
    """synmg-tiny with a pose head, and with FG-SGL's own temporal encoder and FG-SA module on top.

    The text tower and the temporal encoder come from the teacher; the text tower learns no more.
    """

    def __init__(self, teacher: Teacher, num_frames: int) -> None:
        super().__init__()
        self.clip = open_clip.create_model(synmg_tiny.NAME, pretrained=None)
        self.clip.load_state_dict(teacher.clip.state_dict(), strict=False)
        self.clip.requires_grad_(False)
        self.clip.visual.requires_grad_(True)
        trunk = self.clip.visual.trunk
        embed_dim = self.clip.text_projection.shape[1]
        self.pose = nn.Sequential(nn.LayerNorm(trunk.embed_dim), nn.Linear(trunk.embed_dim, NUM_JOINTS))
        self.temporal = copy.deepcopy(teacher.temporal).requires_grad_(True)
        self.fgsa = FGSA(trunk.embed_dim, embed_dim, num_frames, trunk.patch_embed.num_patches, len(DIMENSIONS), True)
        self.scales = nn.Parameter(torch.full((2,), math.log(1 / 0.07)))

    def poses(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """pose_NPJ alone: only the blocks up to the tap run."""
        found = self.clip.visual.forward_intermediates(
            frames_NCHW, indices=[TAP - 1], stop_early=True, intermediates_only=True, output_fmt="NLC"
        )
        return self.pose(found["image_intermediates"][0])

    def forward(self, frames_NCHW: torch.Tensor, num_frames: int) -> View:
        found = self.clip.visual.forward_intermediates(frames_NCHW, indices=[TAP - 1], output_fmt="NLC")
        mid_NPW = found["image_intermediates"][0]
        frame_BTE = F.normalize(found["image_features"].float(), dim=-1).unflatten(0, (-1, num_frames))
        local_BDE, _ = self.fgsa(mid_NPW.unflatten(0, (-1, num_frames)))
        video_BE = F.normalize(self.temporal(frame_BTE).float(), dim=-1)
        return View(self.pose(mid_NPW), frame_BTE, video_BE, F.normalize(local_BDE.float(), dim=-1))


class SlimStudent(nn.Module):
    """The convolutional backbone with its own projection, pose head and temporal encoder (the teacher's, at first)."""

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.backbone = SlimResNet()
        self.pose = nn.Conv2d(feature_channels(), NUM_JOINTS, 1)
        self.projection = nn.Linear(feature_channels(), teacher.clip.text_projection.shape[1])
        self.temporal = copy.deepcopy(teacher.temporal).requires_grad_(True)
        self.scales = nn.Parameter(torch.full((1,), math.log(1 / 0.07)))

    def poses(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """pose_NPJ alone."""
        return self.pose(self.backbone(frames_NCHW)).flatten(2).transpose(1, 2)

    def forward(self, frames_NCHW: torch.Tensor, num_frames: int) -> View:
        map_NChw = self.backbone(frames_NCHW)
        frame_BTE = F.normalize(self.projection(map_NChw.mean((2, 3))).float(), dim=-1).unflatten(0, (-1, num_frames))
        video_BE = F.normalize(self.temporal(frame_BTE).float(), dim=-1)
        return View(self.pose(map_NChw).flatten(2).transpose(1, 2), frame_BTE, video_BE, None)
