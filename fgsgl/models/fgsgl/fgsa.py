"""FG-SA: local embeddings of a clip, one a dimension of FG-Text, read from the tower's mid-level patch tokens.

Published: mid-level visual features are aligned with fine-grained text. The module itself is ours: motion tokens, and
one learned query a dimension that attends over all of them. No label enters.

Shapes: B clips, T frames, P patches of a frame, N = T P, W width of the tower, D dimensions, E joint embedding,
M width of a motion token, H heads, F = M / H, Q = H D queries of all heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

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
        """``local_BDE`` (not normalised) and, where asked for, ``attention_BDTP`` (the heads' mean; sums to 1).

        Neither motion tokens nor their keys and values are computed. All three are linear in what a token reads, so the
        few queries are mapped back to that instead, and what attention averages is mapped once for each query. The
        keys' bias moves all scores of a query alike, so that the softmax drops it. In fp32 throughout, since the change
        between two frames is small beside the tokens.
        """
        frames, patches = mid_BTPW.shape[1:3]
        token_BTPW = self.norm(mid_BTPW)
        with torch.autocast(mid_BTPW.device.type, enabled=False):
            attention_BQN, attended_BDM = self._attend(token_BTPW.float())
        local_BDE = self.to_local(attended_BDM + self.query_DM).float()
        if not with_attention:
            return local_BDE, None
        return local_BDE, attention_BQN.unflatten(1, (HEADS, -1)).mean(1).unflatten(-1, (frames, patches))

    def _attend(self, token_BTPW: Tensor) -> tuple[Tensor, Tensor]:
        """The attention of each head's queries, ``attention_BQN``, and ``attended_BDM``."""
        frames, _, width = token_BTPW.shape[1:]
        key_HFM, value_HFM = (part_MM.unflatten(0, (HEADS, -1)) for part_MM in self.key_value.weight.chunk(2))
        query_HDF = self.query_DM.unflatten(-1, (HEADS, -1)).transpose(0, 1) / math.sqrt(key_HFM.shape[1])
        query_QM = (query_HDF @ key_HFM).flatten(0, 1)
        # S = Q, or 2 Q with the change: each query's vector for the tokens, then each one's for their changes.
        query_SW = torch.cat((query_QM @ self.to_motion.weight).split(width, dim=1))
        place_NM = (self.time_TM[:, None] + self.place_PM + self.to_motion.bias).flatten(0, 1)
        score_BTPQ, *of_change = linear(token_BTPW, query_SW).split(len(query_QM), dim=-1)
        if self.motion_difference:
            score_BTPQ = score_BTPQ + _change(of_change[0])
        attention_BQN = (score_BTPQ.flatten(1, 2).transpose(1, 2) + query_QM @ place_NM.T).softmax(-1)
        weight_BSN = attention_BQN
        if self.motion_difference:
            weight_BSN = torch.cat((attention_BQN, _weight_of_change(attention_BQN, frames)), dim=1)
        read_BSW = weight_BSN @ token_BTPW.flatten(1, 2)
        read_BQR = torch.cat(read_BSW.split(len(query_QM), dim=1), dim=-1)  # R = W, or 2 W: what to_motion reads
        motion_BQM = linear(read_BQR, self.to_motion.weight) + attention_BQN @ place_NM
        attended_BHDF = motion_BQM.unflatten(1, (HEADS, -1)) @ value_HFM.transpose(1, 2)
        return attention_BQN, attended_BHDF.transpose(1, 2).flatten(2) + self.key_value.bias.chunk(2)[1]


def _change(value_BTPQ: Tensor) -> Tensor:
    """What is added until the next frame; zero in the last one."""
    return pad(value_BTPQ.diff(dim=1), (0, 0, 0, 0, 0, 1))


def _weight_of_change(attention_BQN: Tensor, frames: int) -> Tensor:
    """The weight of each token in the attention's sum of changes: a frame ends one change and begins the next."""
    begun_BQTP = attention_BQN.unflatten(-1, (frames, -1))[:, :, :-1]
    weight_BQTP = pad(begun_BQTP, (0, 0, 1, 0)) - pad(begun_BQTP, (0, 0, 0, 1))
    return weight_BQTP.flatten(2)
