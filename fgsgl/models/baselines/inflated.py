"""The slim ResNet inflated in time: what 3D networks start from at the size ``quick``.

Shapes: B clips, T frames, C channels, H x W pixels, h x w a feature map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.registry import MODELS
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from fgsgl.models.baselines.slim_resnet import STAGE_BLOCKS, STAGE_CHANNELS, SlimResNet

STEM_CHANNELS = 64
STAGES = ("layer1", "layer2", "layer3", "layer4")


def inflate(net: ResNet, kernels: Sequence[int], strides: Sequence[int], separate: bool) -> None:
    """Turns a ResNet of pictures into one of clips, in place.

    A kernel is repeated in time and divided by its length (Carreira and Zisserman 2017, arXiv 1705.07750), so that a
    clip of one picture repeated gives the picture's features, but for the clip's ends, which are padded with zeros.

    Args:
        net: of timm, with basic blocks; its weights are kept.
        kernels: length in time of the first convolution, and of the first one in the blocks of each stage.
        strides: steps in time of the stages.
        separate: keep the kernels of pictures, each followed by a convolution in time alone that begins as the identity
            (Tran et al. 2018, arXiv 1711.11248), where one length above 1 was asked for.
    """
    stem, *stages = kernels
    made: Any = net  # timm's layers have no types
    made.conv1 = _in_time(made.conv1, stem, 1, separate)
    for name, length, stride in zip(STAGES, stages, strides, strict=True):
        for number, block in enumerate(getattr(made, name)):
            step = stride if number == 0 else 1
            block.conv1 = _in_time(block.conv1, length, step, separate)
            block.conv2 = _in_time(block.conv2, 1, 1, separate)
            if block.downsample is not None:
                block.downsample[0] = _in_time(block.downsample[0], 1, step, separate)
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, _norm_of_clips(child))
            elif isinstance(child, nn.MaxPool2d):
                pool: Any = child
                edge = (0, pool.padding, pool.padding)
                setattr(parent, name, nn.MaxPool3d((1, *[pool.kernel_size] * 2), (1, *[pool.stride] * 2), edge))


def _in_time(conv: Any, length: int, stride: int, separate: bool) -> nn.Module:
    """The convolution of pictures as one of clips."""
    channels, own = conv.out_channels, 1 if separate else length
    in_space = nn.Conv3d(
        conv.in_channels, channels, (own, *conv.kernel_size), (1 if separate and length > 1 else stride, *conv.stride),
        (own // 2, *conv.padding), (1, *conv.dilation), bias=conv.bias is not None,
    )  # fmt: skip
    with torch.no_grad():
        in_space.weight.copy_(conv.weight[:, :, None].expand_as(in_space.weight) / own)
    if not separate or length == 1:
        return in_space
    in_time = nn.Conv3d(channels, channels, (length, 1, 1), (stride, 1, 1), (length // 2, 0, 0), bias=False)
    nn.init.dirac_(in_time.weight)
    return nn.Sequential(in_space, in_time)


def _norm_of_clips(norm: nn.BatchNorm2d) -> nn.BatchNorm3d:
    same = nn.BatchNorm3d(norm.num_features, norm.eps, norm.momentum)
    same.load_state_dict(norm.state_dict())
    return same


@MODELS.register_module()
class InflatedSlimResNet(nn.Module):
    """A :class:`SlimResNet` for whole clips.

    Args:
        kernels: see :func:`inflate`; all 1 is C2D.
        strides: see :func:`inflate`.
        separate: see :func:`inflate`.
        outputs: the stages whose maps are given, 0 to 3; a single one is given as it is, more as a tuple. Later stages
            are left out.
        pretrained: as for the slim ResNet.
    """

    def __init__(
        self,
        kernels: Sequence[int] = (1, 1, 1, 1, 1),
        strides: Sequence[int] = (1, 1, 1, 1),
        separate: bool = False,
        outputs: Sequence[int] = (3,),
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.net: Any = SlimResNet(pretrained=pretrained)
        inflate(self.net, kernels, strides, separate)
        self.outputs, self.stages = tuple(outputs), STAGES[: max(outputs) + 1]
        for name in STAGES[len(self.stages) :]:
            delattr(self.net, name)

    def init_weights(self) -> None:
        """Nothing: the weights are there since it was built, and MMEngine must not draw others."""

    def forward(self, clip_BCTHW: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Normalised clips -> feature maps (B, C, T, h, w)."""
        map_BCThw, found = _stem(self.net, clip_BCTHW), []
        for name in self.stages:
            map_BCThw = getattr(self.net, name)(map_BCThw)
            found.append(map_BCThw)
        chosen = tuple(found[stage] for stage in self.outputs)
        return chosen[0] if len(chosen) == 1 else chosen


@MODELS.register_module()
class SlowFastSlimResNet(nn.Module):
    """SlowFast (Feichtenhofer et al. 2019, arXiv 1812.03982) whose slow pathway is the inflated slim ResNet.

    The fast pathway has an eighth of the channels, sees every frame and starts from random weights; what comes from it
    into the slow one begins with weights of zero.

    Args:
        ratio: the slow pathway sees each frame of so many.
        pretrained: as for the slim ResNet.
    """

    THINNER = 8
    FUSION_LENGTH = 5

    def __init__(self, ratio: int, pretrained: str | None = None) -> None:
        super().__init__()
        self.ratio = ratio
        self.slow: Any = SlimResNet(pretrained=pretrained)
        inflate(self.slow, (1, 1, 1, 3, 3), (1, 1, 1, 1), separate=False)
        thin = tuple(channels // self.THINNER for channels in STAGE_CHANNELS)
        fast: Any = ResNet(
            BasicBlock,  # type: ignore[arg-type]  # timm asks for an instance and takes the class
            STAGE_BLOCKS,
            channels=thin,
            num_classes=0,
            output_stride=16,
        )
        # timm's stem has 64 channels at least, so that the thin one and what reads it are made here.
        stem, first = STEM_CHANNELS // self.THINNER, fast.layer1[0]
        fast.conv1, fast.bn1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem)
        first.conv1 = nn.Conv2d(stem, thin[0], 3, 1, 1, bias=False)
        first.downsample = nn.Sequential(nn.Conv2d(stem, thin[0], 1, bias=False), nn.BatchNorm2d(thin[0]))
        self.fast = fast
        inflate(self.fast, (5, 3, 3, 3, 3), (1, 1, 1, 1), separate=False)
        given = [stem, *thin[:-1]]
        self.fusion = nn.ModuleList(
            nn.Conv3d(c, 2 * c, (self.FUSION_LENGTH, 1, 1), (ratio, 1, 1), (self.FUSION_LENGTH // 2, 0, 0), bias=False)
            for c in given
        )
        for name, channels in zip(STAGES, given, strict=True):
            _widen(getattr(self.slow, name)[0], 2 * channels)

    def init_weights(self) -> None:
        """Nothing: the weights are there since it was built, and MMEngine must not draw others."""

    def forward(self, clip_BCTHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised clips -> feature maps of the slow and of the fast pathway."""
        slow = _stem(self.slow, clip_BCTHW[:, :, :: self.ratio])
        fast = _stem(self.fast, clip_BCTHW)
        for name, fuse in zip(STAGES, self.fusion, strict=True):
            slow = getattr(self.slow, name)(torch.cat((slow, fuse(fast)), dim=1))
            fast = getattr(self.fast, name)(fast)
        return slow, fast


def _stem(net: Any, clip_BCTHW: torch.Tensor) -> torch.Tensor:
    """The first map of a network, with the pooling before the ReLU as in the slim ResNet."""
    return net.act1(net.maxpool(net.bn1(net.conv1(clip_BCTHW))))


def _widen(block: Any, more: int) -> None:
    """Lets a block with a projection take more channels, whose weights begin as zero."""
    for parent, key in ((block, "conv1"), (block.downsample, "0")):
        conv: Any = getattr(parent, key)
        wider = nn.Conv3d(
            conv.in_channels + more, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.dilation,
            bias=conv.bias is not None,
        )  # fmt: skip
        with torch.no_grad():
            wider.weight.zero_()
            wider.weight[:, : conv.in_channels] = conv.weight
        setattr(parent, key, wider)
