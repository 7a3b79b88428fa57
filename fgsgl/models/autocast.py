"""How a recognizer's networks are computed: in bf16 inside the recognizer, so that a CPU can do it too.

Shapes: B clips, T frames, C channels, H x W pixels; ``clip_BTCHW`` is what the preprocessor gives every recognizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmaction.models.recognizers import Recognizer2D, Recognizer3D
from mmaction.registry import MODELS
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from fgsgl.models.backbone_weights import load_backbone
from fgsgl.models.conv3d import exact_conv3d
from fgsgl.models.precision import native


@contextmanager
def computed(device: torch.device, autocast: str) -> Iterator[None]:
    """The precision of ``autocast`` and, on a CPU, attention by plain products of matrices.

    ``autocast`` is ``bf16``, ``none``, or ``native``: bf16 where the device computes it natively. PyTorch's fused
    attention costs a CPU some 6 ms a layer in the backward pass however few the tokens are, 12 % of a step of the small
    tower.
    """
    wanted = native(device.type) if autocast == "native" else autocast
    with torch.autocast(device.type, torch.bfloat16, enabled=wanted == "bf16"):
        if device.type == "cpu":
            with sdpa_kernel(SDPBackend.MATH):
                yield
        else:
            yield


class _Autocast:
    """What both kinds of recognizers take beyond MMAction2's: the precision, and a file for the backbone.

    Args:
        autocast: ``bf16`` or ``none``: of the features (backbone and neck); head, losses and scores are fp32.
        pretrained: the backbone's weights, see :func:`fgsgl.models.backbone_weights.load_backbone`; None: random ones.
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
