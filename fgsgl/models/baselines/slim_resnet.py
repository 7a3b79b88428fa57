"""timm's ResNets as backbones of MMAction2's Recognizer2D, with TSM's shift: a slim one for two cores, and any other.

Shapes: N frames, C channels of the last stage, h, w its feature map.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import timm
import torch
from mmaction.models.backbones.resnet_tsm import TemporalShift
from mmaction.registry import MODELS
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from fgsgl.models.towers import synmg_tiny
from fgsgl.models.weights_file import load_whole
from fgsgl.util.errors import UserError

STAGE_CHANNELS = (32, 64, 128, 192)
STAGE_BLOCKS = (1, 1, 1, 1)


@MODELS.register_module()
class SlimResNet(ResNet):
    """timm's ResNet of basic blocks, 0.9 M parameters, output stride 16 (a 7 x 7 map at 112 px).

    Args:
        num_segments: frames of a clip; used by the shift only.
        shift: MMAction2's temporal shift before the first convolution of every block (TSM's "blockres").
        shift_div: one part in so many of the channels moves each way in time.
        squeeze: squeeze-and-excitation (arXiv 1709.01507) at the end of every block; it is never pretrained.
        pretrained: ``synmg-slim`` for the weights in this package, a file of weights, or None for random ones.

    Raises:
        UserError: for weights that are missing, unreadable, or of another architecture.
    """

    def __init__(
        self,
        num_segments: int = 8,
        shift: bool = False,
        shift_div: int = 8,
        squeeze: bool = False,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            BasicBlock,  # type: ignore[arg-type]  # timm asks for an instance and takes the class
            STAGE_BLOCKS,
            channels=STAGE_CHANNELS,
            stem_width=32,
            num_classes=0,
            output_stride=16,
            block_args={"attn_layer": "se"} if squeeze else None,
        )
        if pretrained is not None:
            path = synmg_tiny.slim_path() if pretrained == synmg_tiny.SLIM_NAME else Path(pretrained)
            load_whole(self, path, optional=("num_batches_tracked", ".se."))
        if shift:
            _add_shift(self, num_segments, shift_div)

    def init_weights(self, *args: object, **kwargs: object) -> None:
        """Called by timm when building, and by MMEngine before training, which must not undo loaded weights."""
        if not getattr(self, "_initialised", False):
            super().init_weights(*args, **kwargs)
            self._initialised = True

    def forward_features(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """timm's, with the first pooling before its ReLU: the same numbers, and a quarter as many for the ReLU."""
        net: Any = self  # timm's layers have no types
        pooled_NCHW = net.act1(net.maxpool(net.bn1(net.conv1(frames_NCHW))))
        return net.layer4(net.layer3(net.layer2(net.layer1(pooled_NCHW))))

    def forward(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """frames_NCHW, normalised -> feature map (N, C, h, w)."""
        return self.forward_features(frames_NCHW.contiguous(memory_format=torch.channels_last))


@MODELS.register_module()
class ShiftedResNet(nn.Module):
    """One of timm's ResNets by name, with MMAction2's temporal shift as above.

    Args:
        name: such as ``resnet50.tv_in1k``, or ``seresnet50.ra2_in1k`` with squeeze-and-excitation.
        num_segments: frames of a clip.
        shift_div: one part in so many of the channels moves each way in time.
        pretrained: take timm's weights, which may be downloaded; else random ones.

    Raises:
        UserError: for weights that cannot be had.
    """

    def __init__(self, name: str, num_segments: int, shift_div: int = 8, pretrained: bool = True) -> None:
        super().__init__()
        try:
            net: Any = timm.create_model(name, pretrained=pretrained, num_classes=0)
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"timm's {name} cannot be had ({reason}); with pretrained=False it starts from nothing"
            ) from None
        self.net = net
        _add_shift(net, num_segments, shift_div)

    def init_weights(self) -> None:
        """Nothing: the weights are there since it was built, and MMEngine must not draw others."""

    def forward(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """frames_NCHW, normalised -> feature map (N, C, h, w)."""
        features: Any = self.net.forward_features
        return features(frames_NCHW.contiguous(memory_format=torch.channels_last))


def _add_shift(net: ResNet, num_segments: int, shift_div: int) -> None:
    stages: Any = (net.layer1, net.layer2, net.layer3, net.layer4)  # timm's are sequences of blocks
    for stage in stages:
        for block in stage:
            block.conv1 = ChannelsLastShift(block.conv1, num_segments=num_segments, shift_div=shift_div)


class ChannelsLastShift(TemporalShift):
    """MMAction2's temporal shift, whose output stays channels-last: otherwise convolutions reach rates that are 5 to
    40 % lower, as measured on a CPU."""

    @staticmethod
    def shift(x: torch.Tensor, num_segments: int, shift_div: int = 3) -> torch.Tensor:
        """Frames of clips, (N, C, h, w) -> the same with the first channels of the next frame, and the second of the
        frame before."""
        return _Shift.apply(x, num_segments, x.shape[1] // shift_div)


class _Shift(torch.autograd.Function):
    """One copy forward, and one back."""

    @staticmethod
    def forward(ctx: Any, frames_NCHW: torch.Tensor, num_segments: int, fold: int) -> torch.Tensor:
        ctx.num_segments, ctx.fold = num_segments, fold
        return _shifted(frames_NCHW, num_segments, slice(fold), slice(fold, 2 * fold))

    @staticmethod
    def backward(ctx: Any, gradient_NCHW: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        fold = ctx.fold
        return _shifted(gradient_NCHW, ctx.num_segments, slice(fold, 2 * fold), slice(fold)), None, None


def _shifted(frames_NCHW: torch.Tensor, num_segments: int, from_next: slice, from_last: slice) -> torch.Tensor:
    """A copy with some channels of the next frame, and some of the frame before; zero where there is none."""
    frames_NCHW = frames_NCHW.contiguous(memory_format=torch.channels_last)
    copy_NCHW = frames_NCHW.clone()
    own_BTHWC, copy_BTHWC = (
        one_NCHW.permute(0, 2, 3, 1).unflatten(0, (-1, num_segments)) for one_NCHW in (frames_NCHW, copy_NCHW)
    )
    copy_BTHWC[:, :-1, ..., from_next] = own_BTHWC[:, 1:, ..., from_next]
    copy_BTHWC[:, -1, ..., from_next] = 0
    copy_BTHWC[:, 1:, ..., from_last] = own_BTHWC[:, :-1, ..., from_last]
    copy_BTHWC[:, 0, ..., from_last] = 0
    return copy_NCHW


def feature_channels() -> int:
    """Channels of the feature map: ``in_channels`` of the head."""
    return STAGE_CHANNELS[-1]
