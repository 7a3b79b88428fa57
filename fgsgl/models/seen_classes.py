"""The classes that training has clips of, where a regime holds others out: which columns of class scores a loss reads.

Shapes: B clips, C classes, S seen ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

CLOSED = -1e4
"""Logit of a class that cannot be named: its probability is 0 in fp32, and nothing is infinite."""


class SeenClasses(nn.Module):
    """Picks the columns of seen classes from scores; with all classes seen, it hands on what it gets.

    Args:
        num_classes: C.
        unseen: classes without a clip in training.
    """

    is_seen_C: Tensor
    place_C: Tensor

    def __init__(self, num_classes: int, unseen: Sequence[int] = ()) -> None:
        super().__init__()
        self.all_seen = not unseen
        is_seen_C = torch.ones(num_classes, dtype=torch.bool)
        is_seen_C[list(unseen)] = False
        self.register_buffer("is_seen_C", is_seen_C, persistent=False)
        self.register_buffer("place_C", is_seen_C.cumsum(0) - 1, persistent=False)

    def columns(self, values: Tensor) -> Tensor:
        """The seen classes of a tensor whose last axis is C."""
        return values if self.all_seen else values[..., self.is_seen_C]

    def labels(self, labels_B: Tensor) -> Tensor:
        """Places of the labels among the seen classes."""
        return labels_B if self.all_seen else self.place_C[labels_B]

    def pairs(self, values_CC: Tensor) -> Tensor:
        """The seen classes of both axes."""
        return values_CC if self.all_seen else values_CC[self.is_seen_C][:, self.is_seen_C]

    def closed(self, logits_BC: Tensor) -> Tensor:
        """The logits of a layer that has learned nothing of the unseen classes: these can never be named."""
        return logits_BC if self.all_seen else logits_BC.masked_fill(~self.is_seen_C, CLOSED)

    def neutral(self, logits_BC: Tensor) -> Tensor:
        """The same where another score can name the unseen classes: each gets the mean of the clip's seen logits, which
        speaks neither for nor against it."""
        if self.all_seen:
            return logits_BC
        mean_B1 = self.columns(logits_BC).mean(1, keepdim=True)
        return torch.where(self.is_seen_C, logits_BC, mean_B1)
