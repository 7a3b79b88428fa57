"""The last block of a visual tower where nothing reads its patch tokens: computed for the class token alone.

Shapes: N frames, L tokens of a frame (the class token first), W width, H heads, F = W / H.
"""

from __future__ import annotations

import math
from typing import Any

from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import linear


def attend_from_class_token(tokens_NLW: Tensor, weight_VW: Tensor, bias_V: Tensor, heads: int) -> Tensor:
    """Self-attention's output at the class token, before its last layer: ``attended_NW``.

    With one query a head the keys and values of all tokens need not be computed: ``q (K x)`` is ``(q K) x``, and the
    mean of the values is the value of the mean token. The keys' bias moves all scores of a head alike, so that the
    softmax drops it.

    Args:
        tokens_NLW: normalised.
        weight_VW, bias_V: of queries, keys and values below each other, V = 3 W.
        heads: H.
    """
    query_weight_WW, key_weight_WW, value_weight_WW = weight_VW.chunk(3)
    query_bias_W, _, value_bias_W = bias_V.chunk(3)
    query_NHF = linear(tokens_NLW[:, 0], query_weight_WW, query_bias_W).unflatten(-1, (heads, -1))
    folded_HNW = query_NHF.transpose(0, 1) @ key_weight_WW.unflatten(0, (heads, -1))
    score_NHL = folded_HNW.transpose(0, 1) @ tokens_NLW.transpose(1, 2) / math.sqrt(query_NHF.shape[-1])
    mean_NHW = score_NHL.softmax(-1).to(tokens_NLW.dtype) @ tokens_NLW
    value_HNF = mean_NHW.transpose(0, 1) @ value_weight_WW.unflatten(0, (heads, -1)).transpose(1, 2)
    return value_HNF.transpose(0, 1).flatten(1) + value_bias_W


class Shortened:
    """A last block that may give the class token alone, ``tokens_N1W``."""

    patches_read = True
    """Whether the patch tokens after the block are read."""


class LastBlock(Shortened, ResidualAttentionBlock):
    """open_clip's."""

    def forward(self, tokens_NLW: Tensor, *arguments: Any, **options: Any) -> Tensor:
        """Tokens after the block."""
        if self.patches_read:
            return super().forward(tokens_NLW, *arguments, **options)
        attention: Any = self.attn
        attended_NW = attend_from_class_token(
            self.ln_1(tokens_NLW), attention.in_proj_weight, attention.in_proj_bias, attention.num_heads
        )
        tokens_N1W = tokens_NLW[:, :1] + self.ls_1(attention.out_proj(attended_NW))[:, None]
        return tokens_N1W + self.ls_2(self.mlp(self.ln_2(tokens_N1W)))


def shorten_last_block(visual: nn.Module) -> None:
    """Lets the last block of open_clip's own visual tower give the class token alone, where that is all that is read.

    The block's weights and their names stay as they are. A tower of another kind stays as it is.
    """
    if not isinstance(visual, VisionTransformer) or visual.attn_pool is not None or visual.pool_type != "tok":
        return
    last = visual.transformer.resblocks[-1]
    if type(last) is ResidualAttentionBlock:
        last.__class__ = LastBlock
