"""The two networks under pretraining: what will be exported, and the heads that only the pretraining has.

Shapes: N pictures, P patches, W width, E embedding, J joints.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import fgsgl.util.cured_stack  # noqa: F401

import open_clip
import torch
from torch import nn
from torch.nn import functional as F

from fgsgl.data.synmg.body import JOINTS
from fgsgl.models.baselines.slim_resnet import SlimResNet, feature_channels
from fgsgl.models.towers import synmg_tiny
from fgsgl.pretraining.teacher import Teacher

TAP = 3
"""Block of the tower whose patch tokens learn poses (2/3 of the depth, as FG-SA's tap)."""


class View(NamedTuple):
    """What a network makes of a batch of pictures; embeddings are normalised."""

    pose_NPJ: torch.Tensor
    picture_NE: torch.Tensor


class TowerStudent(nn.Module):
    """synmg-tiny with a pose head. The text tower comes from the teacher and learns no more."""

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.clip = open_clip.create_model(synmg_tiny.NAME, pretrained=None)
        self.clip.load_state_dict(teacher.clip.state_dict(), strict=False)
        self.clip.requires_grad_(False)
        self.clip.visual.requires_grad_(True)
        width = self.clip.visual.trunk.embed_dim
        self.pose = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(JOINTS)))
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def poses(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """pose_NPJ alone: only the blocks up to the tap run."""
        found = self.clip.visual.forward_intermediates(
            frames_NCHW, indices=[TAP - 1], stop_early=True, intermediates_only=True, output_fmt="NLC"
        )
        return self.pose(found["image_intermediates"][0])

    def forward(self, frames_NCHW: torch.Tensor) -> View:
        found = self.clip.visual.forward_intermediates(frames_NCHW, indices=[TAP - 1], output_fmt="NLC")
        picture_NE = F.normalize(found["image_features"].float(), dim=-1)
        return View(self.pose(found["image_intermediates"][0]), picture_NE)


class SlimStudent(nn.Module):
    """The convolutional backbone with a projection and a pose head of its own."""

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.backbone = SlimResNet()
        self.pose = nn.Conv2d(feature_channels(), len(JOINTS), 1)
        self.projection = nn.Linear(feature_channels(), teacher.clip.text_projection.shape[1])
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def poses(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """pose_NPJ alone."""
        return self.pose(self.backbone(frames_NCHW)).flatten(2).transpose(1, 2)

    def forward(self, frames_NCHW: torch.Tensor) -> View:
        map_NChw = self.backbone(frames_NCHW)
        picture_NE = F.normalize(self.projection(map_NChw.mean((2, 3))).float(), dim=-1)
        return View(self.pose(map_NChw).flatten(2).transpose(1, 2), picture_NE)
