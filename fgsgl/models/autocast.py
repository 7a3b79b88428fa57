"""Precision of a recognizer's networks: bf16 is switched on inside the recognizer, so that a CPU can use it too.

Shapes: B clips, T frames, C channels, H x W pixels; ``clip_BTCHW`` is what the preprocessor gives every recognizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

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
