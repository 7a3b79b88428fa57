"""Parts of MMAction2's recognizers that had to be changed to take part: any size of clip, the same score every time.

Shapes: B clips, T frames, F features of a frame, K classes.
"""

from __future__ import annotations

from typing import Any

import torch
from mmaction.models.backbones import C3D, MViT
from mmaction.models.common import TAM
from mmaction.models.heads import TRNHead
from mmaction.models.heads.trn_head import RelationModuleMultiScale
from mmaction.registry import MODELS
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from fgsgl.models.baselines.slim_resnet import SlimResNet


@MODELS.register_module()
class SlimTANet(SlimResNet):
    """The slim ResNet with MMAction2's temporal adaptive module after the first convolution of every block.

    Args:
        num_segments: frames of a clip.
        pretrained: as for the slim ResNet; the modules start from random weights.
    """

    def __init__(self, num_segments: int, pretrained: str | None = None) -> None:
        super().__init__(pretrained=pretrained)
        stages: Any = (self.layer1, self.layer2, self.layer3, self.layer4)
        for stage in stages:
            for block in stage:
                block.conv2 = nn.Sequential(TAM(block.conv1.out_channels, num_segments), block.conv2)


class _Relations(RelationModuleMultiScale):
    """Relations among 2 to T frames, three choices of frames each.

    MMAction2 draws new choices in every batch, in tests too, so that a clip's score depends on what was scored
    before it. Here tests take choices at even distances, and training draws from torch's generator.
    """

    def forward(self, frames_BTF: Tensor) -> Tensor:
        """Features of the frames -> the sum of all relations' scores, (B, K)."""
        scores = []
        for relations, count, classify in zip(
            self.relations_scales, self.subsample_scales, self.fc_fusion_scales, strict=True
        ):
            if self.training:
                chosen = torch.randperm(len(relations))[:count]
            else:
                chosen = torch.linspace(0, len(relations) - 1, count).long()
            scores += [classify(frames_BTF[:, list(relations[index])].flatten(1)) for index in chosen.tolist()]
        return torch.stack(scores).sum(0)


@MODELS.register_module()
class RepeatableTRNHead(TRNHead):
    """MMAction2's multi-scale TRN head, whose test scores depend on the clip alone."""

    def __init__(self, num_classes: int, in_channels: int, num_segments: int, hidden_dim: int = 256, **arguments: Any):
        super().__init__(num_classes, in_channels, num_segments, hidden_dim=hidden_dim, **arguments)
        self.consensus = _Relations(hidden_dim, num_segments, num_classes)


@MODELS.register_module()
class ClassTokenMViT(MViT):
    """MMAction2's MViT for a head that reads the class token alone.

    What only moves the patch tokens of the last block gets no gradient, and is not trained.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        last = self.blocks[-1].attn
        for unread in (last.rel_pos_h, last.rel_pos_w, last.rel_pos_t, last.pool_q.weight):
            unread.requires_grad_(False)


@MODELS.register_module()
class SizedC3D(C3D):
    """MMAction2's C3D for clips of any size, and of any width; its forward pass and initialisation.

    The first linear layer fits the feature map, and the last pooling leaves time alone where one step is left of it.

    Args:
        num_frames: T, at least 8.
        image_size: side of a frame in pixels, at least 16.
        base_channels: of the first convolution; 64 is published. The others have 2, 4 and 8 times as many.
        fc_channels: of both linear layers; 4096 is published.
        dropout_ratio: between them.
        batch_norm: after every convolution.
    """

    def __init__(
        self,
        num_frames: int,
        image_size: int,
        base_channels: int = 64,
        fc_channels: int = 4096,
        dropout_ratio: float = 0.5,
        batch_norm: bool = False,
    ) -> None:
        nn.Module.__init__(self)  # not C3D's, whose layers have one size
        self.pretrained, self.init_std = None, 0.005
        kind = {"conv_cfg": {"type": "Conv3d"}, "norm_cfg": {"type": "BN3d"} if batch_norm else None}
        channels = 3
        for name, width in zip(("1a", "2a", "3a", "3b", "4a", "4b", "5a", "5b"), (1, 2, 4, 4, 8, 8, 8, 8), strict=True):
            convolution = ConvModule(channels, width * base_channels, 3, padding=1, **kind)
            self.add_module(f"conv{name}", convolution)
            channels = width * base_channels
        self.pool1 = nn.MaxPool3d((1, 2, 2))
        self.pool2, self.pool3, self.pool4 = nn.MaxPool3d(2), nn.MaxPool3d(2), nn.MaxPool3d(2)
        steps, side = num_frames // 8, image_size // 16
        last = 2 if steps > 1 else 1
        self.pool5 = nn.MaxPool3d((last, 2, 2), padding=(0, 1, 1))
        self.fc6 = nn.Linear(channels * (steps // last) * (side // 2 + 1) ** 2, fc_channels)
        self.fc7 = nn.Linear(fc_channels, fc_channels)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout_ratio)
