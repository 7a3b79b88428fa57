"""FG-SA: local embeddings of a clip, one a dimension of FG-Text, read from the tower's mid-level patch tokens.

Published: mid-level visual features are aligned with fine-grained text. The module itself is ours: motion tokens, and
one learned query a dimension that attends over all of them. No label enters.

Shapes: B clips, T frames, P patches of a frame, N = T P, W width of the tower, D dimensions, E joint embedding,
M width of a motion token, H heads, F = M / H.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

WIDTH = 128  # M, whatever W: it costs little beside any tower, and keeps checkpoints small
HEADS = 2


class FGSA(nn.Module):
    """Motion tokens, and cross-attention of D learned queries over them.

    A motion token is a linear map of the patch token and, with ``motion_difference``, of its change until the next
    frame (zero in the last one), plus what the token's place and time are. Patch tokens are normalised first, since
    the depth of the tap decides their scale.

    Args:
        width: W.
        embedding: E.
        num_frames: T.
        num_patches: P.
        num_dimensions: D.
        motion_difference: whether the change is read.
    """

    def __init__(
        self,
        width: int,
        embedding: int,
        num_frames: int,
        num_patches: int,
        num_dimensions: int,
        motion_difference: bool,
    ) -> None:
        super().__init__()
        self.motion_difference = motion_difference
        self.norm = nn.LayerNorm(width)
        self.to_motion = nn.Linear(2 * width if motion_difference else width, WIDTH)
        self.time_TM = nn.Parameter(0.02 * torch.randn(num_frames, WIDTH))
        self.place_PM = nn.Parameter(0.02 * torch.randn(num_patches, WIDTH))
        self.query_DM = nn.Parameter(torch.randn(num_dimensions, WIDTH))
        self.key_value = nn.Linear(WIDTH, 2 * WIDTH)
        self.to_local = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, embedding)
        )

    def start_from_zero(self) -> None:
        """Makes the local embeddings zero until something is learnt."""
        for parameter in self.to_local[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, mid_BTPW: Tensor, with_attention: bool = False) -> tuple[Tensor, Tensor | None]:
        """``local_BDE`` (not normalised) and, where asked for, ``attention_BDTP`` (the heads' mean; sums to 1)."""
        batch, frames, patches, _ = mid_BTPW.shape
        motion_BNM = self._motion(mid_BTPW).flatten(1, 2)
        key_BHNF, value_BHNF = (
            part_BNM.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part_BNM in self.key_value(motion_BNM).chunk(2, -1)
        )
        query_BHDF = self.query_DM.to(key_BHNF.dtype).unflatten(-1, (HEADS, -1)).transpose(0, 1)
        query_BHDF = query_BHDF.expand(batch, -1, -1, -1)
        attention_BDTP = None
        if with_attention:
            score_BHDN = query_BHDF.float() @ key_BHNF.float().transpose(-1, -2) / math.sqrt(key_BHNF.shape[-1])
            attention_BHDN = score_BHDN.softmax(-1)
            attention_BDTP = attention_BHDN.mean(1).unflatten(-1, (frames, patches))
            attended_BHDF = attention_BHDN.to(value_BHNF.dtype) @ value_BHNF
        else:
            attended_BHDF = scaled_dot_product_attention(query_BHDF, key_BHNF, value_BHNF)
        attended_BDM = attended_BHDF.transpose(1, 2).flatten(2)
        return self.to_local(attended_BDM + self.query_DM).float(), attention_BDTP

    def _motion(self, mid_BTPW: Tensor) -> Tensor:
        """``motion_BTPM``."""
        token_BTPW = self.norm(mid_BTPW)
        if self.motion_difference:
            change_BTPW = torch.zeros_like(token_BTPW)
            change_BTPW[:, :-1] = token_BTPW[:, 1:] - token_BTPW[:, :-1]
            token_BTPW = torch.cat([token_BTPW, change_BTPW], dim=-1)
        return self.to_motion(token_BTPW) + self.time_TM[:, None] + self.place_PM
