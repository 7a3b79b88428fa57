"""MMAction2's recognizers under autocast, with backbone weights read safely and 3D convolutions that hold in bf16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmaction.models.recognizers import BaseRecognizer, Recognizer2D, Recognizer3D
from mmaction.registry import MODELS
from torch import Tensor, nn

from fgsgl.models.autocast import computed
from fgsgl.models.weights_file import load_whole


class _Autocast(BaseRecognizer):
    """Adds two arguments to both kinds of recognizers: the precision, and a file of the backbone's weights.

    Args:
        autocast: ``bf16`` or ``none``: of the features (backbone and neck); head, losses and scores are fp32.
        pretrained: the backbone's weights, see :func:`load_backbone`; None: random ones.
    """

    def __init__(self, autocast: str = "none", pretrained: str | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.autocast, self.pretrained = autocast, pretrained

    def init_weights(self) -> None:
        """Called by MMEngine before training."""
        super().init_weights()
        if self.pretrained is not None:
            load_backbone(self.backbone, self.pretrained)

    def extract_feat(self, inputs: Tensor, *arguments: Any, **options: Any) -> tuple[Any, dict]:
        """``clip_BTCHW`` -> features, and what the head is told, as MMAction2's."""
        with computed(inputs.device, self.autocast):
            features, told = super().extract_feat(inputs, *arguments, **options)
        return _as_float(features), told


@MODELS.register_module()
class AutocastRecognizer2D(_Autocast, Recognizer2D):
    """``Recognizer2D`` (a backbone of single frames) whose features are computed in bf16 where asked."""


@MODELS.register_module()
class AutocastRecognizer3D(_Autocast, Recognizer3D):
    """``Recognizer3D`` (a backbone of whole clips) whose features are computed in bf16 where asked."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        exact_conv3d(self)

    def extract_feat(self, inputs: Tensor, *arguments: Any, **options: Any) -> tuple[Any, dict]:
        """``clip_BTCHW`` -> features, from MMAction2's (B, 1 view, C, T, H, W).

        Channels last, because convolutions in three dimensions run up to twice as fast then.
        """
        clip_BCTHW = inputs.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        return super().extract_feat(clip_BCTHW.unsqueeze(1), *arguments, **options)


def _as_float(features: Any) -> Any:
    """A tensor, or tuples and lists of them (SlowFast, MViT), in fp32."""
    if isinstance(features, Tensor):
        return features.float()
    return type(features)(_as_float(feature) for feature in features)


def load_backbone(backbone: nn.Module, pretrained: str) -> None:
    """Copies a checkpoint's weights into a backbone; all of them, or none.

    Args:
        backbone: any of MMAction2's.
        pretrained: a file of the whole recognizer (``backbone.*``, the rest is left out) or of the backbone alone,
            ``.safetensors`` or one of PyTorch's, which is read without running code from it.

    Raises:
        UserError: for a file that is missing or unreadable, whose names or shapes are another network's, or whose
            numbers are not finite.
    """
    load_whole(backbone, Path(pretrained), optional=("num_batches_tracked",), prefix="backbone.")


class Conv3d(nn.Conv3d):
    """A 3D convolution that a CPU always computes in fp32.

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
