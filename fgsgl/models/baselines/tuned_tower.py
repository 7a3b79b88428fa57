"""Recognizers that tune a tower as it is and compare clips with class prompts: Text4Vis, ViFi-CLIP, ActionCLIP.

Written from the papers. In all of them FG-Text's prompts stand for the papers' label templates, every tuned weight has
one learning rate (the papers train new layers at up to ten times the tower's), and the temperature is kept in CLIP's
range.

Shapes: B clips, T frames, N prompts, L tokens, E joint embedding, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import normalize

from fgsgl.models.distributed_batch import gathered, own, whole
from fgsgl.models.fgsgl.cpa import prompt_text_CE
from fgsgl.models.fgsgl.losses import batch_contrast
from fgsgl.models.towers.lora import add_lora
from fgsgl.models.towers.recognizer import TowerRecognizer
from fgsgl.models.towers.temporal import FrameTransformer, MeanOverTime
from fgsgl.models.towers.tower import Tower
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError


@MODELS.register_module()
class Text4Vis(TowerRecognizer):
    """Text4Vis (Wu et al. AAAI 2023, arXiv 2207.01297): frozen text embeddings are the classifier's weights.

    As published, the visual tower is tuned whole and the text tower is not, the video is the mean of its frames
    ("TAP") or a transformer's, and the loss is the cross-entropy over all classes. Differences: each class's weight is
    the mean of its prompts' embeddings (there: the class name's), and frames are normalised before their mean.

    Args:
        text: FG-Text, a shipped one's name or a file.
        layers: of the transformer over the frames; 0: the mean.
        common: of :class:`fgsgl.models.towers.recognizer.TowerRecognizer`.
    """

    def __init__(self, *, text: str, layers: int, **common: Any) -> None:
        super().__init__(**common)
        self.temporal = FrameTransformer(self.embedding, self.num_frames, layers) if layers else MeanOverTime()
        classes = fgtext.load_classes(text, self.num_classes)
        self.register_buffer("class_CE", prompt_text_CE(classes, self.tower), persistent=False)
        self.scale = self.logit_scale()
        self.tower.tune(visual=True)
        self.finish(f"text4vis; text {classes.fingerprint()}")

    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor]:
        return self.temporal(self._frames(clip_BTCHW)), self.class_CE


TUNED = ("full", "lora")


@MODELS.register_module()
class ViFiCLIP(TowerRecognizer):
    """ViFi-CLIP (Rasheed et al. CVPR 2023, arXiv 2212.03640): both towers are tuned, frames are averaged.

    As published, nothing is added to CLIP, and the loss is the cross-entropy over the texts of all classes.
    Differences: frames are normalised before their mean; with ``lora`` (ours) both towers are tuned by low-rank
    updates alone.

    Args:
        text: FG-Text, a shipped one's name or a file; of each class the first prompt is read, as one is in the paper.
        tuned: ``full`` or ``lora``.
        lora_rank, lora_alpha, lora_targets: of :func:`fgsgl.models.towers.lora.add_lora`; read with ``lora`` only.
        common: of :class:`fgsgl.models.towers.recognizer.TowerRecognizer`.

    Raises:
        UserError: for another word for ``tuned``.
    """

    def __init__(
        self,
        *,
        text: str,
        tuned: str,
        lora_rank: int = 8,
        lora_alpha: float = 16.0,
        lora_targets: Sequence[str] = ("q", "k", "v", "o", "mlp"),
        **common: Any,
    ) -> None:
        if tuned not in TUNED:
            raise UserError(f"ViFi-CLIP is tuned {tuned!r}; expected one of {', '.join(TUNED)}")
        super().__init__(**common)
        self.temporal = MeanOverTime()
        classes = fgtext.load_classes(text, self.num_classes)
        self.class_text = PromptText([entry.prompts[:1] for entry in classes.classes], self.tower)
        self.scale = self.logit_scale()
        if tuned == "full":
            self.tower.tune(visual=True, text=True)
        else:
            add_lora(self.tower.visual, lora_rank, lora_alpha, lora_targets)
            add_lora(self.tower.text, lora_rank, lora_alpha, lora_targets)
        self.finish(f"vificlip; text {classes.fingerprint()}", keeps_text=True)

    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor]:
        return self.temporal(self._frames(clip_BTCHW)), self.class_text(self.tower)


@MODELS.register_module()
class ActionCLIP(TowerRecognizer):
    """ActionCLIP (Wang et al. 2021, arXiv 2109.08472): clips and label templates of a batch are contrasted.

    As published, both towers are tuned whole, a transformer over the frames is added to their embeddings ("Transf"),
    a step reads one random template of each clip's label, and the loss is the mean Kullback-Leibler divergence, over
    both directions, from a target in which clips of one class are each other's positives. At test a class is the mean
    of its templates. Differences: FG-Text's prompts (three or more a class) instead of its templates, no stochastic
    frame augmentation.

    Args:
        text: FG-Text, a shipped one's name or a file.
        layers: of the transformer over the frames; the paper's six.
        common: of :class:`fgsgl.models.towers.recognizer.TowerRecognizer`.
    """

    def __init__(self, *, text: str, layers: int, **common: Any) -> None:
        super().__init__(**common)
        self.temporal = FrameTransformer(self.embedding, self.num_frames, layers)
        classes = fgtext.load_classes(text, self.num_classes)
        self.class_text = PromptText([entry.prompts for entry in classes.classes], self.tower)
        self.scale = self.logit_scale()
        self.tower.tune(visual=True, text=True)
        self.finish(f"actionclip; text {classes.fingerprint()}", keeps_text=True)

    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor]:
        video_BE = self.temporal(self._frames(clip_BTCHW))
        if labels_B is None:
            return video_BE, self.class_text(self.tower)
        return gathered(video_BE), gathered(self.class_text.one_each(labels_B, self.tower))

    def _loss(self, logits_BB: Tensor, labels_B: Tensor) -> Tensor:
        return batch_contrast(logits_BB, gathered(labels_B), self.label_smoothing)


class PromptText(nn.Module):
    """Class prompts as a text tower that is being tuned reads them.

    Args:
        prompts: of each class, one or more.
        tower: with its text tower; needed again at every call.
    """

    tokens_NL: Tensor
    count_C: Tensor

    def __init__(self, prompts: Sequence[Sequence[str]], tower: Tower) -> None:
        super().__init__()
        count_C = torch.tensor([len(own) for own in prompts])
        self.register_buffer("tokens_NL", tower.tokens([one for own in prompts for one in own]), persistent=False)
        self.register_buffer("count_C", count_C, persistent=False)
        self._evaluated_CE: Tensor | None = None

    def train(self, mode: bool = True) -> PromptText:
        """Switches the mode; an evaluation computes the text once, so weights must not change within one."""
        self._evaluated_CE = None
        return super().train(mode)

    def forward(self, tower: Tower) -> Tensor:
        """``class_CE``: the normalised mean of the embeddings of each class's prompts."""
        if self.training or torch.is_grad_enabled():
            return self._class_CE(tower)
        if self._evaluated_CE is None or self._evaluated_CE.device != self.tokens_NL.device:
            self._evaluated_CE = self._class_CE(tower)
        return self._evaluated_CE

    def one_each(self, labels_B: Tensor, tower: Tower) -> Tensor:
        """``text_BE`` of a random prompt of each label, drawn from torch's default generator."""
        count_B = self.count_C[labels_B]
        place_B = (own(torch.rand(whole(len(labels_B)))).to(count_B.device) * count_B).long()
        first_B = (self.count_C.cumsum(0) - self.count_C)[labels_B]
        return tower.encode_tokens(self.tokens_NL[first_B + place_B])

    def _class_CE(self, tower: Tower) -> Tensor:
        parts = tower.encode_tokens(self.tokens_NL).split(self.count_C.tolist())
        return normalize(torch.stack([part_NE.mean(0) for part_NE in parts]), dim=-1)
