"""What a vision-language tower knows before any of it is tuned: zero-shot recognition, and the linear probe.

Shapes: B clips, T frames, H x W pixels, E joint embedding, C classes, D dimensions of FG-Text.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from fgsgl import compat

compat.apply()

from mmaction.registry import MODELS  # noqa: E402
from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.model import BaseModel  # noqa: E402

from fgsgl.errors import UserError  # noqa: E402
from fgsgl.models import checkpoint  # noqa: E402
from fgsgl.models.autocast import computed  # noqa: E402
from fgsgl.models.cpa import prompt_text_CE  # noqa: E402
from fgsgl.models.temporal import MeanOverTime, TemporalTransformer  # noqa: E402
from fgsgl.models.towers import Tower, build_tower  # noqa: E402
from fgsgl.text import embed, fgtext  # noqa: E402

HEADS = ("names", "descriptions", "linear")


@MODELS.register_module()
class FrozenTower(BaseModel):
    """The tower and the temporal encoder pretrained with it (else the mean), both frozen, and one of three heads.

    Args:
        num_classes: C.
        text: FG-Text, a shipped one's name or a file.
        head: ``names``: the clip is compared with the class prompts (CLIP, arXiv 2103.00020). ``descriptions``: its
            mean similarity to the sentences of all dimensions (classification by description, Menon and Vondrick,
            arXiv 2210.07183). ``linear``: a layer norm and a linear layer, which are all that is trained.
        tower: an open_clip model.
        pretrained: its weights: a tag, a file, or None (random).
        image_size: side of a frame in pixels.
        num_frames: T.
        label_smoothing: of the linear layer's cross-entropy.
        autocast: ``bf16`` or ``none``.
        data_preprocessor, init_cfg: as for every MMEngine model.

    Raises:
        UserError: for an unknown head, or weights or a text that cannot be used.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        text: str,
        head: str,
        tower: str,
        pretrained: str | None,
        image_size: int,
        num_frames: int,
        label_smoothing: float = 0.0,
        autocast: str = "none",
        data_preprocessor: Any = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if head not in HEADS:
            raise UserError(f"the head of a frozen tower is {head!r}; expected one of {', '.join(HEADS)}")
        self.autocast, self.label_smoothing = autocast, label_smoothing
        self.tower = build_tower(tower, pretrained, image_size)
        with torch.no_grad():
            _, frame_1E = self.tower.encode_frames(torch.zeros(1, 3, image_size, image_size), tap=1)
        embedding = frame_1E.shape[-1]
        self.temporal: nn.Module = MeanOverTime()
        if self.tower.temporal:
            self.temporal = TemporalTransformer(embedding, num_frames)
            self.temporal.start_from(self.tower.temporal)
            self.temporal.requires_grad_(False)
        self.linear: nn.Module | None = None
        if head == "linear":
            self.linear = nn.Sequential(nn.LayerNorm(embedding), nn.Linear(embedding, num_classes))
        else:
            classes = fgtext.load(text)
            if len(classes.classes) != num_classes:
                raise UserError(f"FG-Text {text!r} has {len(classes.classes)} classes, but the data set {num_classes}")
            self.register_buffer("class_CE", _class_CE(head, classes, self.tower), persistent=False)
            self.inverse_temperature = self.tower.text.logit_scale.exp().item()
        self.tower.drop_text()
        checkpoint.keep_small(self, f"tower {self.tower.identity}; {num_classes} classes; {head}")

    def forward(self, inputs: Tensor, data_samples: list[ActionDataSample] | None = None, mode: str = "tensor") -> Any:
        """Runs the model on normalised clips ``clip_BTCHW``.

        ``loss``: the cross-entropy of the linear layer. ``predict``: the data samples with ``pred_score`` and
        ``pred_label``. ``tensor``: ``logits_BC``.
        """
        logits_BC = self._logits(inputs)
        if mode == "loss":
            labels_B = torch.cat([sample.gt_label.view(1) for sample in data_samples]).to(inputs.device)
            return {"loss_linear": cross_entropy(logits_BC, labels_B, label_smoothing=self.label_smoothing)}
        if mode == "tensor":
            return logits_BC
        data_samples = data_samples or [ActionDataSample() for _ in inputs]
        for sample, score_C in zip(data_samples, logits_BC.softmax(1), strict=True):
            sample.set_pred_score(score_C).set_pred_label(score_C.argmax())
        return data_samples

    def _logits(self, clip_BTCHW: Tensor) -> Tensor:
        with torch.no_grad(), computed(clip_BTCHW.device, self.autocast):
            _, frame_NE = self.tower.encode_frames(clip_BTCHW.flatten(0, 1), tap=1)
            video_BE = normalize(self.temporal(frame_NE.unflatten(0, (len(clip_BTCHW), -1))).float(), dim=-1)
        if self.linear is not None:
            return self.linear(video_BE)
        return self.inverse_temperature * video_BE @ self.class_CE.T


def _class_CE(head: str, text: fgtext.FGText, tower: Tower) -> Tensor:
    """One vector a class; the mean over dimensions of unit vectors gives the mean of the similarities."""
    if head == "names":
        return prompt_text_CE(text, tower)
    return embed.fine_text_CDE(text, tower.encode_text).mean(1)
