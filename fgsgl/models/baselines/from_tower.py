"""MMAction2's video transformers that start from the visual tower of ``synmg-tiny``: those of the size ``quick``.

Shapes: B clips, T frames, P patches of a frame (G x G), W width.
"""

from __future__ import annotations

from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.models.backbones import TimeSformer, UniFormerV2
from mmaction.registry import MODELS
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn

from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.synmg_tiny import DEPTH, PATCH_PX
from fgsgl.models.towers.tower import build_tower

ATTENTION = {"qkv.weight": "in_proj_weight", "qkv.bias": "in_proj_bias", "proj.weight": "out_proj.weight"}
ATTENTION |= {"proj.bias": "out_proj.bias"}
"""timm's names of an attention's weights -> PyTorch's."""
WIDTH, HEADS = 128, 4


def visual_tower(pretrained: str | None, image_size: int) -> VisionTransformer:
    """The visual tower of ``synmg-tiny``, every weight learning.

    Args:
        pretrained: a tag or a file of weights; None: random ones.
        image_size: side of a frame; position embeddings are interpolated to it.
    """
    visual: Any = build_tower(synmg_tiny.NAME, pretrained, image_size).visual
    return visual.trunk.requires_grad_(True)


def copy_attention(block: Block, attention: nn.MultiheadAttention) -> None:
    """Copies the weights of a block's attention."""
    found = block.attn.state_dict()
    attention.load_state_dict({other: found[name] for name, other in ATTENTION.items()})


@MODELS.register_module()
class TowerTimeSformer(TimeSformer):
    """TimeSformer whose patches, attention in space, MLPs and norms are the tower's.

    Attention in time begins without effect, as in the paper (arXiv 2102.05095), so a clip starts as a mean of pictures.

    Args:
        pretrained: the tower's weights, see :func:`visual_tower`.
        num_frames: T.
        img_size: side of a frame.
    """

    def __init__(self, pretrained: str | None, num_frames: int, img_size: int) -> None:
        super().__init__(
            num_frames=num_frames, img_size=img_size, patch_size=PATCH_PX, embed_dims=WIDTH, num_heads=HEADS,
            num_transformer_layers=DEPTH,
        )  # fmt: skip
        tower: Any = visual_tower(pretrained, img_size)
        self.patch_embed = _FramesOfClips(tower.patch_embed)
        self.cls_token, self.pos_embed, self.norm = tower.cls_token, tower.pos_embed, tower.norm
        layers: Any = self.transformer_layers.layers
        for layer, block in zip(layers, tower.blocks, strict=True):
            in_space, mlp = layer.attentions[1], layer.ffns[0]
            copy_attention(block, in_space.attn)
            in_space.norm, mlp.norm = block.norm1, block.norm2
            mlp.layers[0][0], mlp.layers[0][1], mlp.layers[1] = block.mlp.fc1, block.mlp.act, block.mlp.fc2

    def init_weights(self, pretrained: str | None = None) -> None:
        """Nothing: the weights are there since it was built, and MMEngine must not draw others."""


class _FramesOfClips(nn.Module):
    """clip_BCTHW -> the patches of each frame, (B T, P, W)."""

    def __init__(self, patches: nn.Module) -> None:
        super().__init__()
        self.patches = patches

    def forward(self, clip_BCTHW: torch.Tensor) -> torch.Tensor:
        return self.patches(clip_BCTHW.transpose(1, 2).flatten(0, 1))


@MODELS.register_module()
class TowerUniFormerV2(UniFormerV2):
    """UniFormerV2 whose local blocks are the tower's, as the paper's (arXiv 2211.09552) are CLIP's.

    Args:
        pretrained: the tower's weights, see :func:`visual_tower`.
        settings: of MMAction2's UniFormerV2, without those that the tower fixes.
    """

    def __init__(self, pretrained: str | None, input_resolution: int, **settings: Any) -> None:
        super().__init__(
            input_resolution=input_resolution, patch_size=PATCH_PX, width=WIDTH, layers=DEPTH, heads=HEADS,
            clip_pretrained=False, **settings,
        )  # fmt: skip
        tower: Any = visual_tower(pretrained, input_resolution)
        self.conv1 = _MapsOfClips(tower.patch_embed)
        self.class_embedding = nn.Parameter(tower.cls_token.detach()[0, 0].clone())
        self.positional_embedding = nn.Parameter(tower.pos_embed.detach()[0].clone())
        self.ln_pre = nn.Identity()  # the tower has none
        made: Any = self.transformer.resblocks
        for own, block in zip(made, tower.blocks, strict=True):
            copy_attention(block, own.attn)
            own.ln_1, own.ln_2 = block.norm1, block.norm2
            own.mlp.c_fc, own.mlp.gelu, own.mlp.c_proj = block.mlp.fc1, block.mlp.act, block.mlp.fc2

    def init_weights(self) -> None:
        """Nothing: the weights are there since it was built, and MMEngine must not draw others."""


class _MapsOfClips(nn.Module):
    """clip_BCTHW -> its patches as maps, (B, W, T, G, G)."""

    def __init__(self, patches: nn.Module) -> None:
        super().__init__()
        self.patches = patches

    def forward(self, clip_BCTHW: torch.Tensor) -> torch.Tensor:
        patch_NPW = self.patches(clip_BCTHW.transpose(1, 2).flatten(0, 1))
        side = round(patch_NPW.shape[1] ** 0.5)
        map_BTGGW = patch_NPW.unflatten(1, (side, side)).unflatten(0, (len(clip_BCTHW), -1))
        return map_BTGGW.permute(0, 4, 1, 2, 3)
