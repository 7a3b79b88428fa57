"""From the frames' embeddings to the video's.

Shapes: B clips, T frames, E joint embedding, H heads, F width of a head,
I = H F.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, scaled_dot_product_attention

HEADS = 2
HEAD_WIDTH = 64  # F; 128 in all, whatever E: data sets of micro-gestures are small, and so are checkpoints


class MeanOverTime(nn.Module):
    """The mean of the normalised frame embeddings."""

    def forward(self, frame_BTE: Tensor) -> Tensor:
        """``video_BE``."""
        return normalize(frame_BTE.float(), dim=-1).mean(1)


class TemporalTransformer(nn.Module):
    """One pre-norm transformer layer over the frames, with a learned time embedding, then the mean (ours).

    Both residual branches end in zeros at the start, so that training begins at :class:`MeanOverTime` and what the
    pretrained tower knows is kept.

    Args:
        width: E.
        num_frames: T.
    """

    def __init__(self, width: int, num_frames: int) -> None:
        super().__init__()
        inner = HEADS * HEAD_WIDTH
        self.time_TE = nn.Parameter(0.02 * torch.randn(num_frames, width))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * inner), nn.Linear(inner, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * inner), nn.GELU(), nn.Linear(2 * inner, width))
        for last in (self.out, self.mlp[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, frame_BTE: Tensor) -> Tensor:
        """``video_BE``."""
        frame_BTE = normalize(frame_BTE.float(), dim=-1)
        frame_BTE = frame_BTE + self._attend(self.norm1(frame_BTE) + self.time_TE)
        frame_BTE = frame_BTE + self.mlp(self.norm2(frame_BTE))
        return frame_BTE.float().mean(1)

    def _attend(self, input_BTE: Tensor) -> Tensor:
        query_BHTF, key_BHTF, value_BHTF = (
            part_BTI.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part_BTI in self.qkv(input_BTE).chunk(3, -1)
        )
        attended_BHTF = scaled_dot_product_attention(query_BHTF, key_BHTF, value_BHTF)
        return self.out(attended_BHTF.transpose(1, 2).flatten(2))
