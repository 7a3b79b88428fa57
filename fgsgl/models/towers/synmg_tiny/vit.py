"""The visual tower of synmg-tiny: a vision transformer whose patch embedding is a small stack of convolutions.

A plain ViT learnt nothing in minutes; with this stem it finds the joints to a few pixels. The stem normalises within
a frame (one group), so that a frozen tower gives the same output in training and in evaluation.

Shapes: N frames, P patches of a frame (7 x 7 at 112 px), L = 1 + P tokens, W width.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import PatchEmbed
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn

from fgsgl.models.towers.last_block import Shortened, attend_from_class_token
from fgsgl.models.towers.synmg_tiny import DEPTH, PATCH_PX

STEM_CHANNELS = (32, 64, 128)
IMAGE_SIZE_PX = 112


class ConvStem(PatchEmbed):
    """Four 3 x 3 convolutions of stride 2 in place of one 16 x 16: frames_NCHW -> tokens_NPW."""

    def __init__(self, in_chans: int = 3, embed_dim: int = 128, **settings: Any) -> None:
        super().__init__(in_chans=in_chans, embed_dim=embed_dim, **settings)
        layers: list[nn.Module] = []
        before = in_chans
        for channels in STEM_CHANNELS:
            layers += [nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False), nn.GroupNorm(1, channels)]
            layers += [nn.ReLU(inplace=True)]
            before = channels
        layers += [nn.Conv2d(before, embed_dim, 3, stride=2, padding=1, bias=False), nn.GroupNorm(1, embed_dim)]
        self.proj = nn.Sequential(*layers)  # type: ignore[assignment]  # timm's is one convolution

    def forward(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        return super().forward(frames_NCHW.contiguous(memory_format=torch.channels_last))


class LastTinyBlock(Shortened, Block):
    """timm's last block."""

    def forward(  # type: ignore[override]  # timm's names of the arguments
        self, tokens_NLW: torch.Tensor, *arguments: Any, **options: Any
    ) -> torch.Tensor:
        """Tokens after the block."""
        if self.patches_read:
            return super().forward(tokens_NLW, *arguments, **options)
        attention: Any = self.attn
        attended_NW = attend_from_class_token(
            self.norm1(tokens_NLW), attention.qkv.weight, attention.qkv.bias, attention.num_heads
        )
        tokens_N1W = tokens_NLW[:, :1] + attention.proj(attended_NW)[:, None]
        return tokens_N1W + self.mlp(self.norm2(tokens_N1W))


default_cfgs = generate_default_cfgs(
    {"synmg_tiny_vit": {"input_size": (3, IMAGE_SIZE_PX, IMAGE_SIZE_PX), "num_classes": 0, "classifier": "head"}}
)


@register_model
def synmg_tiny_vit(pretrained: bool = False, **settings: Any) -> VisionTransformer:
    """The tower with random weights, by timm's name; ``weights.safetensors`` is loaded by open_clip."""
    ours = {"img_size": IMAGE_SIZE_PX, "patch_size": PATCH_PX, "embed_dim": 128, "depth": DEPTH, "num_heads": 4}
    settings = {**ours, "embed_layer": ConvStem, **settings}
    model = build_model_with_cfg(VisionTransformer, "synmg_tiny_vit", pretrained, **settings)
    for block in model.blocks:
        # With 50 tokens PyTorch's fused attention is the slower one on a CPU: its backward takes 27 % of a step.
        attention: Any = block.attn
        attention.fused_attn = False
    model.blocks[-1].__class__ = LastTinyBlock
    return model
