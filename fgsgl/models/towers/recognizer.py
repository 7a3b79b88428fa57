"""Base of every recognizer on one vision-language tower: from clips to losses, or to probabilities.

Shapes: B clips, T frames, H x W pixels, E joint embedding, C classes, S seen ones.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fgsgl.models.autocast import computed
from fgsgl.models.fgsgl.losses import LogitScale, similarity_BC
from fgsgl.models.preprocess_clips import expect_clips
from fgsgl.models.seen_classes import SeenClasses
from fgsgl.models.towers import checkpoint
from fgsgl.models.towers.tower import build_tower


class TowerRecognizer(BaseModel):
    """A tower, what makes an embedding of a clip of its frames', and a linear layer or class texts that score it.

    A recognizer derives from it, builds its parts and calls :meth:`finish`.

    Args:
        num_classes: C.
        tower: an open_clip model.
        pretrained: its weights: a tag, a file, or None (random).
        image_size: side of a frame in pixels.
        num_frames: T.
        label_smoothing: share of a label that is spread evenly over all classes.
        unseen: classes without a clip in training: no loss reads their columns, and a linear layer never names them.
        autocast: ``bf16`` or ``none``; logits, losses and scores are always fp32.
        data_preprocessor, init_cfg: as for every MMEngine model.

    Raises:
        UserError: for weights that cannot be used.
    """

    LOSS = "loss_category"
    """Name of the loss in logs."""

    def __init__(
        self,
        *,
        num_classes: int,
        tower: str,
        pretrained: str | None,
        image_size: int,
        num_frames: int,
        label_smoothing: float = 0.0,
        unseen: Sequence[int] = (),
        autocast: str = "none",
        data_preprocessor: Any = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.num_classes, self.num_frames, self.image_size = num_classes, num_frames, image_size
        self.autocast, self.label_smoothing = autocast, label_smoothing
        self.seen = SeenClasses(num_classes, unseen)
        self.tower = build_tower(tower, pretrained, image_size)
        self.tower.normalise_pixels(self.data_preprocessor)
        with torch.no_grad():
            mid_1PW, frame_1E = self.tower.encode_frames(torch.zeros(1, 3, image_size, image_size), tap=1)
        self.width, self.embedding = mid_1PW.shape[-1], frame_1E.shape[-1]
        """W, of the tower's tokens, and E."""

    def linear_head(self) -> nn.Module:
        """A layer norm and a linear layer, E -> C."""
        return nn.Sequential(nn.LayerNorm(self.embedding), nn.Linear(self.embedding, self.num_classes))

    def logit_scale(self) -> LogitScale:
        """The tower's inverse temperature, to be trained."""
        return LogitScale(1 / self.tower.text.logit_scale.exp().item(), maximum=100.0)

    def finish(self, head: str, keeps_text: bool = False) -> None:
        """Frees a text tower that is no longer needed, and keeps checkpoints small.

        Args:
            head: what scores the clips and the text it was made of; checkpoints of others are refused.
            keeps_text: the text tower is read in every step.
        """
        if not keeps_text:
            self.tower.drop_text()
        checkpoint.keep_small(self, f"tower {self.tower.identity}; {self.num_classes} classes; {head}")

    def forward(self, inputs: Tensor, data_samples: list[ActionDataSample] | None = None, mode: str = "tensor") -> Any:
        """Runs the model on normalised clips ``clip_BTCHW``.

        Args:
            inputs: (B, T, 3, image_size, image_size) float.
            data_samples: with ``gt_label``, for the mode ``loss``; the mode ``predict`` reads nothing of them.
            mode: ``loss``: a dict of one loss. ``predict``: the data samples with ``pred_score`` (probabilities, (C,))
                and ``pred_label``. ``tensor``: ``logits_BC``.

        Raises:
            UserError: for clips of another shape.
        """
        expect_clips(inputs, self.num_frames, self.image_size, type(self).__name__)
        labels_B = None
        if mode == "loss":
            labels_B = torch.cat([sample.gt_label.view(1) for sample in data_samples or ()]).to(inputs.device)
        with computed(inputs.device, self.autocast):
            video_BE, text = self._see(inputs, labels_B)
        with torch.autocast(inputs.device.type, enabled=False):
            logits_BC = self._logits(video_BE.float(), text)
            if labels_B is not None:
                return {self.LOSS: self._loss(logits_BC, labels_B)}
            if text is None:
                logits_BC = self.seen.closed(logits_BC)
            if mode == "tensor":
                return logits_BC
            data_samples = data_samples or [ActionDataSample() for _ in inputs]
            for sample, score_C in zip(data_samples, logits_BC.softmax(1), strict=True):
                sample.set_pred_score(score_C).set_pred_label(score_C.argmax())
            return data_samples

    @abstractmethod
    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``video_BE``, and the normalised text it is compared with: None where a linear layer scores it.

        ``labels_B`` is None but in training, for a loss that contrasts the batch's own texts.
        """

    def _frames(self, clip_BTCHW: Tensor) -> Tensor:
        """``frame_BTE`` of the tower, not normalised."""
        _, frame_NE = self.tower.encode_frames(clip_BTCHW.flatten(0, 1), tap=1)
        return frame_NE.unflatten(0, (len(clip_BTCHW), -1))

    def _logits(self, video_BE: Tensor, text_CE: Tensor | None) -> Tensor:
        """``logits_BC``: of ``self.linear``, or cosines by ``self.scale``."""
        if text_CE is None:
            return self.linear(video_BE)
        return similarity_BC(video_BE, text_CE, self.scale())

    def _loss(self, logits_BC: Tensor, labels_B: Tensor) -> Tensor:
        logits_BS, labels_B = self.seen.columns(logits_BC), self.seen.labels(labels_B)
        return cross_entropy(logits_BS, labels_B, label_smoothing=self.label_smoothing)
