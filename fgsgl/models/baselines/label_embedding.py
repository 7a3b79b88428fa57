"""Features that are also drawn to the text embedding of their label: the micro-gesture recognizers' head.

Shapes: B clips, N = B T frames, F channels of the backbone, h, w its feature map, E text embedding, C classes.
"""

from __future__ import annotations

from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.models.heads import TSMHead
from mmaction.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import dropout

from fgsgl.models.fgsgl.cpa import prompt_text_CE
from fgsgl.models.towers.tower import build_tower
from fgsgl.text import fgtext


@MODELS.register_module()
class LabelEmbeddingHead(TSMHead):
    """TSM's head, and a second one in training that regresses the text embedding of the label (squared distance).

    The joint embedding loss of MANet (Guo et al. 2024, arXiv 2403.05234) and of the MiGA challenge's winners of 2023
    (Li et al., arXiv 2307.10624). Difference: the target is the normalised mean of the prompts' embeddings by the
    board's text tower (there: word vectors of the label), and the squared distance is summed over its E numbers.

    Args:
        text: FG-Text, a shipped one's name or a file.
        tower, pretrained: the open_clip model whose text tower embeds it, as for ``build_tower``.
        embedding_weight: of the second loss.
        settings: of MMAction2's ``TSMHead``.

    Raises:
        UserError: for weights or a text that cannot be used.
    """

    def __init__(
        self,
        *,
        text: str,
        tower: str,
        pretrained: str | None,
        embedding_weight: float,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        classes = fgtext.load_classes(text, self.num_classes)
        label_CE = prompt_text_CE(classes, build_tower(tower, pretrained))
        self.register_buffer("label_CE", label_CE, persistent=False)
        embedding = label_CE.shape[1]
        self.embed = nn.Sequential(nn.Linear(self.in_channels, embedding), nn.Tanh(), nn.Linear(embedding, embedding))
        self.embedding_weight = embedding_weight

    def loss(self, feats: Tensor, data_samples: list[Any], num_segs: int, **told: Any) -> dict[str, Tensor]:
        """TSM's losses, and ``loss_embedding``."""
        losses = super().loss(feats, data_samples, num_segs=num_segs, **told)
        labels_B = torch.cat([sample.gt_label.view(1) for sample in data_samples]).to(feats.device)
        frame_NE = self.embed(dropout(feats.mean(dim=(2, 3)), self.dropout_ratio, self.training))
        video_BE = frame_NE.unflatten(0, (-1, self.num_segments)).mean(1)
        distance_B = (video_BE - self.label_CE[labels_B]).square().sum(1)
        return losses | {"loss_embedding": self.embedding_weight * distance_B.mean()}
