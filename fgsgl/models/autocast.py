"""MMAction2's frame-wise recognizer under bf16 autocast, inside the recognizer so that it also works on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.models.recognizers import Recognizer2D
from mmaction.registry import MODELS


@MODELS.register_module()
class AutocastRecognizer2D(Recognizer2D):
    """``Recognizer2D`` whose forward pass runs in bf16 where asked; losses and scores are fp32.

    Args:
        autocast: ``bf16`` or ``none``.
    """

    def __init__(self, autocast: str = "none", **arguments: Any) -> None:
        super().__init__(**arguments)
        self.autocast = autocast

    def forward(self, inputs: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        """``clip_BTCHW`` -> as ``Recognizer2D``."""
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.autocast == "bf16"):
            return super().forward(inputs, *arguments, **options)
