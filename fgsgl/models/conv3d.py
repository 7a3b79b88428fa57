"""3D convolutions that can be trusted in bf16 on a CPU.

Shapes: B clips, C channels, T frames, H x W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Conv3d(nn.Conv3d):
    """A 3D convolution, in fp32 on a CPU whatever the precision around it.

    oneDNN's weight gradient of 3D convolutions in bf16 is broken on CPUs with AMX (PyTorch 2.15): for some shapes it
    writes beyond its memory (from 3 to 8 channels, 160 px) or holds numbers of no meaning (from 128 to 256 channels,
    4 x 28 x 28). Depthwise ones are twice as fast in fp32.
    """

    def forward(self, clip_BCTHW: Tensor) -> Tensor:
        if clip_BCTHW.device.type != "cpu":
            return super().forward(clip_BCTHW)
        with torch.autocast("cpu", enabled=False):
            return super().forward(clip_BCTHW.float())


def exact_conv3d(model: nn.Module) -> None:
    """Makes every 3D convolution of a model a :class:`Conv3d`, in place."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.__class__ = Conv3d
