"""Optimizer and average of the weights, shared by the three trainings of the pretraining."""

from __future__ import annotations

import torch
from torch import nn


def adamw(network: nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over what learns; norms, biases and temperatures do not decay."""
    learning = [value for value in network.parameters() if value.requires_grad]
    groups = [
        {"params": [value for value in learning if value.ndim > 1], "weight_decay": weight_decay},
        {"params": [value for value in learning if value.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), fused=True)


@torch.no_grad()
def average_into(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves an exponential moving average of all weights on by one step; early steps count more."""
    decay = min(decay, (1 + step) / (10 + step))
    for mean, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        mean.lerp_(now, 1 - decay) if mean.is_floating_point() else mean.copy_(now)
