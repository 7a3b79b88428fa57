"""MMAction2's frame-wise recognizer with its backbone in bf16, inside the recognizer so that a CPU can do it too."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.models.recognizers import Recognizer2D
from mmaction.registry import MODELS


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
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.autocast == "bf16"):
            features, told = super().extract_feat(inputs, *arguments, **options)
        return features.float(), told
