"""How a recognizer's networks are computed: in bf16 inside the recognizer, so that a CPU can do it too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmaction.models.recognizers import Recognizer2D
from mmaction.registry import MODELS
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def computed(device: torch.device, autocast: str) -> Iterator[None]:
    """The precision of ``autocast`` (``bf16`` or ``none``) and, on a CPU, attention by plain products of matrices.

    PyTorch's fused attention costs a CPU some 6 ms a layer in the backward pass however few the tokens are, 12 % of a
    step of the small tower.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=autocast == "bf16"):
        if device.type == "cpu":
            with sdpa_kernel(SDPBackend.MATH):
                yield
        else:
            yield


@MODELS.register_module()
class AutocastRecognizer2D(Recognizer2D):
    """``Recognizer2D`` whose features are computed in bf16 where asked; head, losses and scores are fp32.

    Args:
        autocast: ``bf16`` or ``none``.
    """

    def __init__(self, autocast: str = "none", **arguments: Any) -> None:
        super().__init__(**arguments)
        self.autocast = autocast

    def extract_feat(self, inputs: torch.Tensor, *arguments: Any, **options: Any) -> tuple[torch.Tensor, dict]:
        """``clip_BTCHW`` -> features of every frame, and what the head is told, as ``Recognizer2D``."""
        with computed(inputs.device, self.autocast):
            features, told = super().extract_feat(inputs, *arguments, **options)
        return features.float(), told
