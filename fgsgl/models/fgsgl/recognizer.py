"""FG-SGL as an MMAction2 recognizer: towers, temporal encoder, FG-SA and CP-A under one loss and one score.

Shapes: B clips, T frames, H x W pixels, P patches of a frame, W width of the tower, E joint embedding, C classes,
D dimensions of FG-Text, N clips of a split.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import numpy as np
import torch
from mmaction.registry import HOOKS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from fgsgl.models.autocast import computed
from fgsgl.models.distributed_batch import gathered
from fgsgl.models.fgsgl import calibration
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.models.fgsgl.cpa import CategoryText
from fgsgl.models.fgsgl.fgsa import FGSA
from fgsgl.models.fgsgl.losses import LogitScale, contrastive_loss, level_weights, similarity_BC
from fgsgl.models.preprocess_clips import expect_clips
from fgsgl.models.seen_classes import SeenClasses
from fgsgl.models.towers import checkpoint
from fgsgl.models.towers.lora import add_lora
from fgsgl.models.towers.temporal import MeanOverTime, TemporalTransformer
from fgsgl.models.towers.tower import build_tower
from fgsgl.text import embed, fgtext


@MODELS.register_module()
class FGSGL(BaseModel):
    """The recognizer; see ``forward`` for its three modes.

    Checkpoints hold what training changes, and the identity of what they were trained on; see
    :mod:`fgsgl.models.towers.checkpoint`.

    Args:
        data_preprocessor: MMEngine config or module that gives ``forward`` its normalised clips.
        init_cfg: as for every MMEngine model.
        settings: of :class:`fgsgl.models.fgsgl.config.FGSGLConfig`.

    Raises:
        UserError: for a setting, weights or a text that cannot be used.
    """

    def __init__(self, data_preprocessor: Any = None, init_cfg: dict | None = None, **settings: Any) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.config = config = FGSGLConfig.from_dict(settings)
        self.progress = 1.0
        """Share of the training that is done, which the schedule reads; :class:`ProgressHook` sets it."""
        self.seen = SeenClasses(config.num_classes, config.unseen)
        self.tower = build_tower(config.tower, config.pretrained, config.image_size)
        self.tower.normalise_pixels(self.data_preprocessor)
        # Without FG-SA nothing reads the tap, and all variants without it compute the same to the bit.
        self.tap = self.tower.tap_block(config.tap if config.fgsa else "middle")
        seed = int(torch.randint(2**62, ()))
        if config.lora:
            with _stream(seed, "lora"):
                add_lora(self.tower.visual, config.lora_rank, config.lora_alpha, config.lora_targets)
        frame_13HW = torch.zeros(1, 3, config.image_size, config.image_size)
        with torch.no_grad():
            mid_1PW, frame_1E = self.tower.encode_frames(frame_13HW, self.tap)
        if config.uses_video:
            with _stream(seed, "temporal"):
                self.temporal = self._build_temporal(frame_1E.shape[-1])
        if config.has_category:
            self._build_category(frame_1E.shape[-1], seed)
        if config.fgsa:
            with _stream(seed, "fgsa"):
                self._build_fine(mid_1PW, frame_1E.shape[-1])
        if not (config.has_text_head and config.learned_prompts):
            self.tower.drop_text()
        for name in ("category_temperature", "fine_temperature", "beta", "combined_temperature"):
            self.register_buffer(name, torch.ones(()))
        read = "no text"
        if config.has_text_head or config.has_fine:
            text = self._text()
            read = f"text {text.name} {text.fingerprint()} {config.text_control} {config.text_seed}"
            read += " exchanged" * (config.text_draw == "cell")
        checkpoint.keep_small(self, f"tower {self.tower.identity}; {config.num_classes} classes; {read}")

    def _text(self) -> fgtext.FGText:
        """FG-Text of the classes; a file is read once."""
        return fgtext.load_classes(self.config.text, self.config.num_classes)

    def _build_category(self, embedding: int, seed: int) -> None:
        config = self.config
        if config.has_linear_head:
            with _stream(seed, "linear"):
                self.linear = nn.Sequential(nn.LayerNorm(embedding), nn.Linear(embedding, config.num_classes))
        if config.has_text_head:
            context_tokens = config.context_tokens if config.learned_prompts else 0
            self.category_text = CategoryText(self._text(), self.tower, context_tokens)
            self.category_scale = LogitScale(config.temperature, config.logit_scale_max)
            own_CC = torch.eye(config.num_classes, dtype=torch.bool)
            self.register_buffer("category_positives_CC", own_CC, persistent=False)

    def _build_temporal(self, embedding: int) -> TemporalTransformer | MeanOverTime:
        if self.config.temporal == "mean":
            return MeanOverTime()
        temporal = TemporalTransformer(embedding, self.config.num_frames)
        if self.config.temporal_pretrained and self.tower.temporal:
            temporal.start_from(self.tower.temporal)
        return temporal

    def _build_fine(self, mid_1PW: Tensor, embedding: int) -> None:
        config = self.config
        _, patches, width = mid_1PW.shape
        dimensions = config.dimensions
        self.fgsa = FGSA(width, embedding, config.num_frames, patches, len(dimensions), config.motion_difference)
        if config.fine_from_video:
            self.fgsa.start_from_zero()
        if config.guidance and config.has_category:
            self.gate_D = nn.Parameter(torch.zeros(len(dimensions)))
        if not config.has_fine:
            return
        text, control = self._text(), (dimensions, config.text_control, config.text_seed)
        once = config.text_draw == "once"
        fine_CDE = embed.fine_text_CDE(text, self.tower.encode_text, *control, whole_classes=once)
        positives_DCC = embed.positives_DCC(text, *control, whole_classes=once)
        if not config.multi_positive:
            positives_DCC = torch.eye(config.num_classes, dtype=torch.bool).expand_as(positives_DCC).clone()
        self.register_buffer("fine_text_CDE", fine_CDE, persistent=False)
        self.register_buffer("fine_positives_DCC", positives_DCC, persistent=False)
        self.fine_scale = LogitScale(config.temperature, config.logit_scale_max)

    def forward(self, inputs: Tensor, data_samples: list[ActionDataSample] | None = None, mode: str = "tensor") -> Any:
        """Runs the model on normalised clips ``clip_BTCHW``.

        Args:
            inputs: (B, T, 3, image_size, image_size) float.
            data_samples: with ``gt_label``, for the mode ``loss``; the mode ``predict`` reads nothing of them.
            mode: ``loss``: a dict of losses, whose names hold "loss", and of the fine level's weight. ``predict``:
                the data samples, each with ``pred_score``, ``pred_label`` and, of the levels that there are,
                ``category_score``, ``fine_score`` (probabilities), ``category_logits`` and ``fine_logits`` (all (C,)).
                ``tensor``: a dict of ``video_BE``, ``local_BDE``, ``attention_BDTP``, ``category_logits_BC`` and
                ``fine_logits_BDC``, as far as the parts are there.

        Raises:
            UserError: for clips of another shape.
        """
        expect_clips(inputs, self.config.num_frames, self.config.image_size, "FG-SGL")
        with computed(inputs.device, self.config.autocast):
            seen = self._see(inputs, with_attention=mode == "tensor")
        with torch.autocast(inputs.device.type, enabled=False):
            logits = self._logits(seen)
            if mode == "loss":
                labels_B = torch.cat([sample.gt_label.view(1) for sample in data_samples or ()]).to(inputs.device)
                return self._losses({name: gathered(value) for name, value in logits.items()}, gathered(labels_B))
            scores = self._scores(logits)
            if mode == "predict":
                return self._fill(data_samples or [ActionDataSample() for _ in inputs], scores)
        found = {**seen, **logits, **scores}
        shown = ("video_BE", "local_BDE", "attention_BDTP", "category_logits_BC", "fine_logits_BDC")
        return {name: found[name] for name in shown if name in found}

    def _see(self, clip_BTCHW: Tensor, with_attention: bool) -> dict[str, Tensor]:
        """Video and local embeddings of the clips, and the current category text."""
        batch = len(clip_BTCHW)
        seen: dict[str, Tensor] = {}
        tuned = self.config.lora or clip_BTCHW.requires_grad  # pixels have gradients where saliency is asked for
        with torch.set_grad_enabled(torch.is_grad_enabled() and tuned):
            mid_NPW, frame_NE = self.tower.encode_frames(clip_BTCHW.flatten(0, 1), self.tap)
        if self.config.fgsa:
            seen["local_BDE"], attention_BDTP = self.fgsa(mid_NPW.unflatten(0, (batch, -1)), with_attention)
            if with_attention:
                seen["attention_BDTP"] = attention_BDTP
        if self.config.uses_video:
            video_BE = normalize(self.temporal(frame_NE.unflatten(0, (batch, -1))), dim=-1)
            if self.config.fgsa and self.config.fine_from_video:
                seen["local_BDE"] = video_BE[:, None] + seen["local_BDE"]
            if self.config.fgsa and self.config.guidance and self.config.has_category:
                video_BE = video_BE + (self.gate_D[:, None] * normalize(seen["local_BDE"], dim=-1)).sum(1)
            seen["video_BE"] = video_BE
        if self.config.has_text_head:
            seen["category_text_CE"] = self.category_text(self.tower)
        return seen

    def _logits(self, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        logits = {}
        if self.config.has_text_head:
            scale = self.category_scale()
            logits["text_logits_BC"] = similarity_BC(seen["video_BE"], seen["category_text_CE"], scale)
        if self.config.has_linear_head:
            logits["linear_logits_BC"] = self.linear(seen["video_BE"].float())
        if self.config.has_fine:
            local_BDE = normalize(seen["local_BDE"], dim=-1)
            logits["fine_logits_BDC"] = self.fine_scale() * torch.einsum("bde,cde->bdc", local_BDE, self.fine_text_CDE)
        return logits

    def _losses(self, logits: dict[str, Tensor], labels_B: Tensor) -> dict[str, Tensor]:
        """ML-CO: the levels' losses under the schedule, over seen classes; MMEngine adds up what is called a loss."""
        config, seen = self.config, self.seen
        labels_B = seen.labels(labels_B)
        logits = {name: seen.columns(value) for name, value in logits.items()}
        both = config.has_category and config.has_fine
        category, fine = level_weights(config.schedule if both else "joint", self.progress, config.stage)
        losses = {}
        if config.has_text_head:
            positives_CC, smoothing = seen.pairs(self.category_positives_CC), config.label_smoothing
            loss = contrastive_loss(logits["text_logits_BC"], labels_B, positives_CC, smoothing=smoothing)
            losses["loss_category"] = category * config.loss_category * loss
        if config.has_linear_head:
            loss = cross_entropy(logits["linear_logits_BC"], labels_B, label_smoothing=config.label_smoothing)
            losses["loss_linear"] = category * config.loss_category * loss
        if config.has_fine:
            for d, (name, weight) in enumerate(zip(config.dimensions, config.weight_of_dimension, strict=True)):
                logits_BC, positives_CC = logits["fine_logits_BDC"][:, d], seen.pairs(self.fine_positives_DCC[d])
                loss = contrastive_loss(logits_BC, labels_B, positives_CC, config.fine_v2t, config.fine_t2v)
                losses[f"loss_fine_{name}"] = fine * config.loss_fine * weight / len(config.dimensions) * loss
            losses["fine_weight"] = labels_B.new_tensor(fine, dtype=torch.float32)
        return losses

    def _scores(self, logits: dict[str, Tensor]) -> dict[str, Tensor]:
        """Logits and calibrated probabilities of each level, and of both together."""
        scores = {}
        heads = [logits["text_logits_BC"]] if "text_logits_BC" in logits else []
        if "linear_logits_BC" in logits:
            # The layer has learned no row of an unseen class; where text can name one, it does not speak against it.
            filled = self.seen.neutral if "combined" in self.config.text_scores else self.seen.closed
            heads.append(filled(logits["linear_logits_BC"]))
        if heads:
            scores["category_logits_BC"] = torch.stack(heads).mean(0)
        if self.config.has_fine:
            scores["fine_logits_BC"] = logits["fine_logits_BDC"].mean(1)
        return self._calibrated(scores)

    def _calibrated(self, scores: dict[str, Tensor]) -> dict[str, Tensor]:
        """The levels' logits, with their probabilities and those of both together.

        Category log-probability + beta * the mean over dimensions of the fine one: the softmax over the classes drops
        every constant of a clip, so the logits themselves may be added.
        """
        scaled = {
            level: scores[f"{level}_logits_BC"] / getattr(self, f"{level}_temperature")
            for level in ("category", "fine")
            if f"{level}_logits_BC" in scores
        }
        if len(scaled) == 2 and self.config.fine_at_test:
            combined_BC = (scaled["category"] + self.beta * scaled["fine"]) / self.combined_temperature
        else:
            combined_BC = scaled["category"] if "category" in scaled else scaled["fine"]
        scores |= {f"{level}_score_BC": scaled_BC.softmax(1) for level, scaled_BC in scaled.items()}
        return scores | {"pred_score_BC": combined_BC.softmax(1)}

    @staticmethod
    def _fill(data_samples: list[ActionDataSample], scores: dict[str, Tensor]) -> list[ActionDataSample]:
        for index, sample in enumerate(data_samples):
            for name, table_BC in scores.items():
                sample.set_field(table_BC[index], name.removesuffix("_BC"))
            sample.set_pred_score(sample.pred_score).set_pred_label(sample.pred_score.argmax())
        return data_samples

    def calibrate(
        self, category_logits_NC: np.ndarray | None, fine_logits_NC: np.ndarray | None, labels_N: np.ndarray
    ) -> dict[str, float]:
        """Sets temperatures and beta from a validation split's logits, and returns them; see
        :func:`fgsgl.models.fgsgl.calibration.calibrate`, over the seen classes. They are kept in the checkpoint."""
        seen_C = self.seen.is_seen_C.cpu().numpy()
        category_NS = None if category_logits_NC is None else category_logits_NC[:, seen_C]
        fine_NS = None if fine_logits_NC is None else fine_logits_NC[:, seen_C]
        fitted = calibration.calibrate(category_NS, fine_NS, np.cumsum(seen_C)[labels_N] - 1)
        for name, value in fitted.items():
            getattr(self, name).fill_(value)
        return fitted

    def score_again(self, data_samples: list[ActionDataSample]) -> list[ActionDataSample]:
        """Samples that were scored, with the probabilities that a later calibration gives their logits."""
        names = [name for name in ("category_logits", "fine_logits") if name in data_samples[0]]
        logits = {f"{name}_BC": torch.stack([sample.get(name) for sample in data_samples]) for name in names}
        return self._fill(data_samples, self._calibrated(logits))


@HOOKS.register_module()
class ProgressHook(Hook):
    """Tells the recognizer how much of the training is done."""

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Sets ``progress`` to the share of all iterations that lie behind."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.progress = runner.iter / runner.max_iters


@contextmanager
def _stream(seed: int, part: str) -> Iterator[None]:
    """Random numbers of a part's own, so that a variant without one part starts with the same others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed ^ zlib.crc32(part.encode()))
        yield
