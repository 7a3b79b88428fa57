"""Blocks of a visual tower that also see the other frames of their clip: AIM's, ST-Adapter's and X-CLIP's.

Each wraps a block of open_clip's or of timm's, which stays whole inside, and is called as that block is. Written from
the papers; what differs from them is said at each class.

Shapes: N = B T frames of B clips, L tokens of a frame (the class token, then P = h w patches), W width, A width of an
adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.registry import MODELS
from open_clip.transformer import ResidualAttentionBlock
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn.functional import gelu

from fgsgl.models.baselines.recognizers import Conv3d
from fgsgl.models.towers.recognizer import TowerRecognizer
from fgsgl.models.towers.temporal import (
    MeanOverTime,
    heads_of,
)
from fgsgl.util.errors import UserError


class VideoBlock(nn.Module):
    """One view of both kinds of blocks: the residual branches of the block inside, on ``tokens_NLW``.

    Args:
        block: of a tower.
        num_frames: T, by which a batch of frames is taken apart into clips.

    Raises:
        UserError: for another kind of block.
    """

    def __init__(self, block: nn.Module, num_frames: int) -> None:
        super().__init__()
        if not isinstance(block, ResidualAttentionBlock | Block):
            raise UserError(
                f"a visual tower of blocks of the kind {type(block).__name__} cannot be adapted to video; "
                "take a backbone such as ViT-B-16"
            )
        self.block, self.num_frames = block, num_frames

    def attend(self, tokens_NLW: Tensor) -> Tensor:
        """The attention branch, its norm included."""
        block = self.block
        if isinstance(block, Block):
            return block.ls1(block.attn(block.norm1(tokens_NLW)))
        return block.ls_1(block.attention(block.ln_1(tokens_NLW)))

    def norm(self, tokens_NLW: Tensor) -> Tensor:
        """The norm before the MLP."""
        return self.block.norm2(tokens_NLW) if isinstance(self.block, Block) else self.block.ln_2(tokens_NLW)

    def mlp(self, normed_NLW: Tensor) -> Tensor:
        """The MLP branch after its norm."""
        block = self.block
        return block.ls2(block.mlp(normed_NLW)) if isinstance(block, Block) else block.ls_2(block.mlp(normed_NLW))

    def attend_over_time(self, tokens_NLW: Tensor) -> Tensor:
        """The attention branch over the T tokens that have one place in their frames."""
        batch, length = len(tokens_NLW) // self.num_frames, tokens_NLW.shape[1]
        tokens_BTLW = tokens_NLW.unflatten(0, (batch, self.num_frames))
        attended_MTW = self.attend(tokens_BTLW.transpose(1, 2).flatten(0, 1))  # M = B L
        return attended_MTW.unflatten(0, (batch, length)).transpose(1, 2).flatten(0, 1)


class AIMBlock(VideoBlock):
    """AIM (Yang et al. ICLR 2023, arXiv 2302.03024): a frozen block used over time, over space and with its MLP.

    As published: temporal adaptation without a skip connection inside the adapter, spatial adaptation with one, and
    joint adaptation beside the MLP at half weight. All adapters start at zero, so that the block starts as it was.

    Args:
        block: stays frozen.
        num_frames: T.
        width: W.
        share: A / W.
        first: the tower's first block, which adds a learned vector for each time.
    """

    JOINT = 0.5

    def __init__(self, block: nn.Module, num_frames: int, width: int, share: float, first: bool) -> None:
        super().__init__(block, num_frames)
        inner = round(share * width)
        self.temporal, self.spatial, self.joint = (Adapter(width, inner) for _ in range(3))
        self.time_TW = nn.Parameter(torch.zeros(num_frames, width)) if first else None

    def forward(self, tokens_NLW: Tensor, attn_mask: None = None) -> Tensor:
        """Tokens after the block."""
        if self.time_TW is not None:
            tokens_NLW = tokens_NLW + self.time_TW.repeat(len(tokens_NLW) // self.num_frames, 1)[:, None]
        tokens_NLW = tokens_NLW + self.temporal(self.attend_over_time(tokens_NLW))
        attended_NLW = self.attend(tokens_NLW)
        tokens_NLW = tokens_NLW + attended_NLW + self.spatial(attended_NLW)
        normed_NLW = self.norm(tokens_NLW)
        return tokens_NLW + self.mlp(normed_NLW) + self.JOINT * self.joint(normed_NLW)


class STAdapterBlock(VideoBlock):
    """ST-Adapter (Pan et al. NeurIPS 2022, arXiv 2206.13559): convolutions over space and time before the branches.

    As published for motion-centred data (Something-Something): an adapter before the attention and one before the MLP.
    Differences: an adapter's last layer starts at zero, so that the block starts as it was; the last block has none
    before its MLP, which would change patch tokens that nothing reads any more.

    Args:
        block: stays frozen.
        num_frames: T.
        width: W.
        share: A / W.
        kernel: of the convolution, in time, height and width.
        last: the tower's last block.
    """

    def __init__(
        self, block: nn.Module, num_frames: int, width: int, share: float, kernel: Sequence[int], last: bool
    ) -> None:
        super().__init__(block, num_frames)
        inner = round(share * width)
        self.before_attention = SpaceTimeAdapter(width, inner, num_frames, kernel)
        self.before_mlp = nn.Identity() if last else SpaceTimeAdapter(width, inner, num_frames, kernel)

    def forward(self, tokens_NLW: Tensor, attn_mask: None = None) -> Tensor:
        """Tokens after the block."""
        tokens_NLW = self.before_attention(tokens_NLW)
        tokens_NLW = tokens_NLW + self.attend(tokens_NLW)
        tokens_NLW = self.before_mlp(tokens_NLW)
        return tokens_NLW + self.mlp(self.norm(tokens_NLW))


class CrossFrameBlock(VideoBlock):
    """X-CLIP's cross-frame communication (Ni et al. ECCV 2022, arXiv 2208.02816, section 3.2).

    As published: a message token of each frame, made of its class token, attends to the other frames' messages, then
    joins its own frame's tokens in the block's attention, and is dropped. Difference: no stochastic depth.

    Args:
        block: is tuned.
        num_frames: T.
        width: W.
    """

    def __init__(self, block: nn.Module, num_frames: int, width: int) -> None:
        super().__init__(block, num_frames)
        self.to_message, self.message_norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.communicate = nn.MultiheadAttention(width, heads_of(width), batch_first=True)

    def forward(self, tokens_NLW: Tensor, attn_mask: None = None) -> Tensor:
        """Tokens after the block."""
        message_BTW = self.to_message(tokens_NLW[:, 0]).unflatten(0, (-1, self.num_frames))
        normed_BTW = self.message_norm(message_BTW)
        message_BTW = message_BTW + self.communicate(normed_BTW, normed_BTW, normed_BTW, need_weights=False)[0]
        joined_NLW = torch.cat((tokens_NLW, message_BTW.flatten(0, 1)[:, None].to(tokens_NLW.dtype)), dim=1)
        tokens_NLW = tokens_NLW + self.attend(joined_NLW)[:, :-1]
        return tokens_NLW + self.mlp(self.norm(tokens_NLW))


class Adapter(nn.Module):
    """A bottleneck of two layers (arXiv 1902.00751) whose output starts at zero; the skip connection is the caller's.

    Args:
        width: W.
        inner: A.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, inner), _zero(nn.Linear(inner, width))

    def forward(self, tokens_NLW: Tensor) -> Tensor:
        """The tokens that the adapter adds."""
        return self.up(gelu(self.down(tokens_NLW)))


class SpaceTimeAdapter(nn.Module):
    """A bottleneck with a depth-wise 3-D convolution of the patch tokens; class tokens pass as they are.

    Args:
        width: W.
        inner: A.
        num_frames: T.
        kernel: of the convolution, odd, in time, height and width.
    """

    def __init__(self, width: int, inner: int, num_frames: int, kernel: Sequence[int]) -> None:
        super().__init__()
        self.num_frames = num_frames
        frames, rows, columns = kernel
        padding = (frames // 2, rows // 2, columns // 2)
        self.down = nn.Linear(width, inner)
        self.convolution = Conv3d(inner, inner, (frames, rows, columns), padding=padding, groups=inner)
        self.up = _zero(nn.Linear(inner, width))

    def forward(self, tokens_NLW: Tensor) -> Tensor:
        """The tokens, each patch with what its neighbourhood in space and time adds."""
        class_N1W, patch_NPW = tokens_NLW[:, :1], tokens_NLW[:, 1:]
        height = isqrt(patch_NPW.shape[1])
        inner_BTPA = self.down(patch_NPW).unflatten(0, (-1, self.num_frames))
        inner_BAThw = inner_BTPA.movedim(-1, 1).unflatten(-1, (height, -1))
        inner_NPA = self.convolution(inner_BAThw).flatten(-2).movedim(1, -1).flatten(0, 1)
        return torch.cat((class_N1W, patch_NPW + self.up(inner_NPA)), dim=1)


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class AdaptedTower(TowerRecognizer):
    """The tower with other blocks, the mean over the frames, and a linear layer: the base of both methods."""

    LOSS = "loss_linear"

    def _add_head(self, name: str) -> None:
        self.temporal, self.linear = MeanOverTime(), self.linear_head()
        self.finish(name)

    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, None]:
        return self.temporal(self._frames(clip_BTCHW)), None


@MODELS.register_module()
class AIM(AdaptedTower):
    """AIM; see :class:`fgsgl.models.baselines.adapters.AIMBlock`.

    Args:
        share: width of an adapter as a share of the tower's.
        common: of :class:`fgsgl.models.towers.recognizer.TowerRecognizer`.
    """

    def __init__(self, *, share: float, **common: Any) -> None:
        super().__init__(**common)
        self.tower.wrap_blocks(
            lambda place, block: AIMBlock(block, self.num_frames, self.width, share, first=place == 1)
        )
        self._add_head("aim")


@MODELS.register_module()
class STAdapter(AdaptedTower):
    """ST-Adapter; see :class:`fgsgl.models.baselines.adapters.STAdapterBlock`.

    Args:
        share: width of an adapter as a share of the tower's.
        kernel: of its convolution, in time, height and width.
        common: of :class:`fgsgl.models.towers.recognizer.TowerRecognizer`.
    """

    def __init__(self, *, share: float, kernel: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        shape = (self.num_frames, self.width, share, kernel)
        self.tower.wrap_blocks(lambda place, block: STAdapterBlock(block, *shape, last=place == self.tower.depth))
        self._add_head("st_adapter")
