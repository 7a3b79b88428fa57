"""MMAction2's heads where classes are held out of training: a loss over the seen ones, and no score for the others.

Shapes: B clips, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmaction.models.heads.base import BaseHead
from mmaction.models.losses import CrossEntropyLoss
from mmaction.registry import MODELS
from torch import Tensor, nn

from fgsgl.models.seen_classes import SeenClasses


@MODELS.register_module()
class SeenCrossEntropy(CrossEntropyLoss):
    """MMAction2's cross-entropy over the seen classes alone.

    Args:
        num_classes: C.
        unseen: classes without a clip in training.
        settings: of MMAction2's ``CrossEntropyLoss``.
    """

    def __init__(self, num_classes: int, unseen: Sequence[int], **settings: Any) -> None:
        super().__init__(**settings)
        self.seen = SeenClasses(num_classes, unseen)

    def _forward(self, cls_score: Tensor, label: Tensor, **arguments: Any) -> Tensor:
        """The loss of ``cls_score`` (B, C). A ``label`` is (B,), or (B, C) where it is smoothed: what smoothing gives
        to unseen classes is spread over the seen ones."""
        if label.shape == cls_score.shape:
            kept_BS = self.seen.columns(label)
            label = kept_BS + (1 - kept_BS.sum(1, keepdim=True)) / kept_BS.shape[1]
        else:
            label = self.seen.labels(label)
        return super()._forward(self.seen.columns(cls_score), label, **arguments)


def close_heads(model: nn.Module, num_classes: int, unseen: Sequence[int]) -> None:
    """Lets no head of MMAction2's name an unseen class in evaluation: its layer has not learned one."""
    if not unseen:
        return
    for head in model.modules():
        if isinstance(head, BaseHead):
            seen = SeenClasses(num_classes, unseen).to(next(head.parameters()).device)
            head.register_forward_hook(lambda head, _, scores_BC, seen=seen: _closed(head, seen, scores_BC))


def _closed(head: nn.Module, seen: SeenClasses, scores_BC: Tensor) -> Tensor:
    return scores_BC if head.training else seen.closed(scores_BC)
