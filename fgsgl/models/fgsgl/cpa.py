"""CP-A: category text, which the video embedding is aligned with.

Published: high-level visual features are guided by category-level semantics. Prompts and learned context are ours.

Shapes: C classes, E joint embedding, K learned context tokens, V width of the text tower, L tokens of a text.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fgsgl.models.towers.tower import Tower
from fgsgl.text.fgtext import FGText


def prompt_text_CE(text: FGText, tower: Tower) -> Tensor:
    """The normalised mean of the normalised embeddings of each class's prompts."""
    prompts = [prompt for entry in text.classes for prompt in entry.prompts]
    parts = tower.encode_text(prompts).split([len(entry.prompts) for entry in text.classes])
    return normalize(torch.stack([part_NE.mean(0) for part_NE in parts]), dim=-1)


class CategoryText(nn.Module):
    """Category text: frozen prompts and, with ``context_tokens``, half of it a prompt of learned context and name.

    The learned half lets category text move where the frozen text tower places a class badly; the frozen half keeps
    it from leaving the words' meaning.

    Args:
        text: prompts and names of the classes.
        tower: with its text tower; needed again at every forward pass when context is learned.
        context_tokens: K; 0: frozen prompts only.
    """

    frozen_CE: Tensor
    tokens_CL: Tensor | None

    def __init__(self, text: FGText, tower: Tower, context_tokens: int) -> None:
        super().__init__()
        names = [entry.name for entry in text.classes]
        self.register_buffer("frozen_CE", prompt_text_CE(text, tower), persistent=False)
        self.context_KV = nn.Parameter(tower.first_context(context_tokens)) if context_tokens else None
        tokens_CL = tower.tokens_after_context(context_tokens, names) if context_tokens else None
        self.register_buffer("tokens_CL", tokens_CL, persistent=False)
        self._evaluated_CE: Tensor | None = None

    def train(self, mode: bool = True) -> CategoryText:
        """Switches the mode; an evaluation computes the text once, so weights must not change within one."""
        self._evaluated_CE = None
        return super().train(mode)

    def forward(self, tower: Tower) -> Tensor:
        """``category_text_CE``, normalised."""
        if self.context_KV is None or self.tokens_CL is None:
            return self.frozen_CE
        if self.training or torch.is_grad_enabled():
            return self._category_CE(tower, self.context_KV, self.tokens_CL)
        if self._evaluated_CE is None or self._evaluated_CE.device != self.context_KV.device:
            self._evaluated_CE = self._category_CE(tower, self.context_KV, self.tokens_CL)
        return self._evaluated_CE

    def _category_CE(self, tower: Tower, context_KV: Tensor, tokens_CL: Tensor) -> Tensor:
        return normalize(self.frozen_CE + tower.encode_text_with_context(context_KV, tokens_CL), dim=-1)
