"""Recognizers on a frozen vision-language tower: zero-shot recognition, and the linear probe.

Shapes: B clips, T frames, H x W pixels, E joint embedding, C classes, D dimensions of FG-Text.
"""

from __future__ import annotations

from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import normalize

from fgsgl.models.fgsgl.cpa import prompt_text_CE
from fgsgl.models.towers.recognizer import TowerRecognizer
from fgsgl.models.towers.temporal import MeanOverTime, TemporalTransformer
from fgsgl.models.towers.tower import Tower
from fgsgl.text import embed, fgtext
from fgsgl.util.errors import UserError

HEADS = ("names", "descriptions", "linear")


@MODELS.register_module()
class FrozenTower(TowerRecognizer):
    """The tower and the temporal encoder pretrained with it (else the mean), both frozen, and one of three heads.

    Args:
        text: FG-Text, a shipped one's name or a file.
        head: ``names``: the clip is compared with the class prompts (CLIP, arXiv 2103.00020). ``descriptions``: its
            mean similarity to the sentences of all dimensions (classification by description, Menon and Vondrick,
            arXiv 2210.07183). ``linear``: a layer norm and a linear layer, which are all that is trained.
        common: of :class:`fgsgl.models.towers.recognizer.TowerRecognizer`.

    Raises:
        UserError: for an unknown head, or weights or a text that cannot be used.
    """

    LOSS = "loss_linear"

    def __init__(self, *, text: str, head: str, **common: Any) -> None:
        if head not in HEADS:
            raise UserError(f"the head of a frozen tower is {head!r}; expected one of {', '.join(HEADS)}")
        super().__init__(**common)
        self.temporal: nn.Module = MeanOverTime()
        if self.tower.temporal:
            self.temporal = TemporalTransformer(self.embedding, self.num_frames)
            self.temporal.start_from(self.tower.temporal)
            self.temporal.requires_grad_(False)
        self.class_CE: Tensor | None
        if head == "linear":
            self.linear = self.linear_head()
            self.class_CE = None
        else:
            classes = fgtext.load_classes(text, self.num_classes)
            self.register_buffer("class_CE", _class_CE(head, classes, self.tower), persistent=False)
            self.inverse_temperature = self.tower.text.logit_scale.exp().item()
        self.finish(head)

    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        with torch.set_grad_enabled(torch.is_grad_enabled() and clip_BTCHW.requires_grad):
            return normalize(self.temporal(self._frames(clip_BTCHW)).float(), dim=-1), self.class_CE

    def _logits(self, video_BE: Tensor, text_CE: Tensor | None) -> Tensor:
        if text_CE is None:
            return self.linear(video_BE)
        return self.inverse_temperature * video_BE @ text_CE.T


def _class_CE(head: str, text: fgtext.FGText, tower: Tower) -> Tensor:
    """One vector a class; the mean over dimensions of unit vectors gives the mean of the similarities."""
    if head == "names":
        return prompt_text_CE(text, tower)
    return embed.fine_text_CDE(text, tower.encode_text).mean(1)
