"""From the frames' embeddings to the video's.

Shapes: B clips, T frames, E joint embedding, M width of a motion token, H heads, F = M / H.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from open_clip.transformer import Transformer
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, normalize, pad, scaled_dot_product_attention

WIDTH = 128  # M, whatever E: data sets of micro-gestures are small, and so are checkpoints
HEADS = 2


class MeanOverTime(nn.Module):
    """The mean of the normalised frame embeddings."""

    def forward(self, frame_BTE: Tensor) -> Tensor:
        """``video_BE``."""
        return normalize(frame_BTE.float(), dim=-1).mean(1)


def heads_of(width: int) -> int:
    """So many heads of 64 as CLIP has them, or one where the width is no multiple of 64."""
    return width // 64 if width % 64 == 0 else 1


class FrameTransformer(nn.Module):
    """A transformer over the frame embeddings, whose output is added to them, then the mean.

    ActionCLIP's "Transf" and Text4Vis's transformer (six layers), and X-CLIP's multi-frame integration (one layer).

    Args:
        width: E.
        num_frames: T.
        layers: of the transformer.
    """

    def __init__(self, width: int, num_frames: int, layers: int) -> None:
        super().__init__()
        self.time_TE = nn.Parameter(0.02 * torch.randn(num_frames, width))
        self.transformer = Transformer(width, layers, heads_of(width))

    def forward(self, frame_BTE: Tensor) -> Tensor:
        """``video_BE``."""
        return (frame_BTE + self.transformer(frame_BTE + self.time_TE)).float().mean(1)


class TemporalTransformer(nn.Module):
    """One pre-norm transformer layer over the frames, then the mean (ours).

    The layer attends over motion tokens: a map of the frame's embedding, of its change until the next frame (zero in
    the last one) and of its time. Without the change it takes several times the clips to tell small motions apart.
    Both residual branches end in zeros at the start, so that training begins at :class:`MeanOverTime` and what the
    pretrained tower knows is kept.

    Args:
        width: E.
        num_frames: T.
    """

    def __init__(self, width: int, num_frames: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_motion = nn.Linear(2 * width, WIDTH)
        self.time_TM = nn.Parameter(0.02 * torch.randn(num_frames, WIDTH))
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, width))
        for last in (self.out, self.mlp[-1]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Takes over another one's weights, of any number of frames: its times are interpolated."""
        time_1MT = weights["time_TM"].float().T[None]
        time_1MT = interpolate(time_1MT, len(self.time_TM), mode="linear", align_corners=True)
        self.load_state_dict({**weights, "time_TM": time_1MT[0].T})

    def forward(self, frame_BTE: Tensor) -> Tensor:
        """``video_BE``."""
        frame_BTE = normalize(frame_BTE.float(), dim=-1)
        frame_BTE = frame_BTE + self._attend(self.norm1(frame_BTE))
        frame_BTE = frame_BTE + self.mlp(self.norm2(frame_BTE))
        return frame_BTE.float().mean(1)

    def _attend(self, input_BTE: Tensor) -> Tensor:
        change_BTE = pad(input_BTE.diff(dim=1), (0, 0, 0, 1))
        motion_BTM = gelu(self.to_motion(torch.cat((input_BTE, change_BTE), dim=-1)) + self.time_TM)
        query_BHTF, key_BHTF, value_BHTF = (
            part_BTM.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part_BTM in self.qkv(motion_BTM).chunk(3, -1)
        )
        attended_BHTF = scaled_dot_product_attention(query_BHTF, key_BHTF, value_BHTF)
        return self.out(attended_BHTF.transpose(1, 2).flatten(2))
