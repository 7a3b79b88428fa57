"""Recognizers of skeletons: MMAction2's networks on joints, on joints and bones, and on heatmaps drawn from joints.

Shapes: B clips, T frames, J joints, S side of a heatmap; ``joints_BTJ3`` as the preprocessor gives them: about the
body's centre, in units of its size, the third value depth or a detector's confidence.
"""

from __future__ import annotations

from typing import Any

import mmaction.engine.model  # noqa: F401 (registers how AAGCN's weights start)
import torch
from mmaction.models.recognizers import Recognizer3D, RecognizerGCN
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModel

from fgsgl.data.skeletons import LAYOUTS
from fgsgl.models.autocast import computed
from fgsgl.models.baselines.recognizers import exact_conv3d

REACH = 2.5
"""Half the side of the square that is drawn, in units of the body's size: SynMG's people reach no further than 2.2."""


@MODELS.register_module()
class AutocastRecognizerGCN(RecognizerGCN):
    """``RecognizerGCN`` of one person, its features computed in bf16 where asked; head, losses and scores are fp32.

    Args:
        autocast: ``bf16`` or ``none``.
        arguments: as for ``RecognizerGCN``.
    """

    def __init__(self, autocast: str = "none", **arguments: Any) -> None:
        super().__init__(**arguments)
        self.autocast = autocast

    def extract_feat(self, inputs: torch.Tensor, *arguments: Any, **options: Any) -> tuple[torch.Tensor, dict]:
        """``joints_BTJ3`` -> features (B, 1 person, channels, frames, J), and what the head is told."""
        with computed(inputs.device, self.autocast):
            features, told = super().extract_feat(inputs[:, None, None], *arguments, **options)
        return features.float(), told


@MODELS.register_module()
class TwoStreamGCN(BaseModel):
    """One network on joints and one like it on bones, each with its own loss; their probabilities are averaged.

    2s-AGCN (arXiv 1805.07694) trains the two apart and adds their scores; here they share steps, and no weight.

    Args:
        backbone, cls_head: of each stream.
        layout: a name of :data:`fgsgl.data.skeletons.LAYOUTS`.
        autocast: ``bf16`` or ``none``.
        data_preprocessor: as for every MMEngine model.
    """

    def __init__(
        self, backbone: dict, cls_head: dict, layout: str, autocast: str = "none", data_preprocessor: Any = None
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        stream = {"type": "AutocastRecognizerGCN", "backbone": backbone, "cls_head": cls_head, "autocast": autocast}
        self.joint, self.bone = MODELS.build(stream), MODELS.build(stream)
        self.confidence = LAYOUTS[layout].confidence
        self.register_buffer("parent_J", torch.tensor(LAYOUTS[layout].parent_J), persistent=False)

    def forward(
        self, inputs: torch.Tensor, data_samples: list[ActionDataSample] | None = None, mode: str = "tensor"
    ) -> Any:
        """Runs both streams on ``joints_BTJ3``.

        ``loss``: each stream's cross-entropy. ``predict``: the data samples with ``pred_score`` and ``pred_label``.
        ``tensor``: the features of both.
        """
        streams = {"joint": (self.joint, inputs), "bone": (self.bone, self.bones(inputs))}
        if mode == "loss":
            return {
                f"loss_{name}": network(seen, data_samples, mode="loss")["loss_cls"]
                for name, (network, seen) in streams.items()
            }
        if mode == "tensor":
            return {name: network(seen) for name, (network, seen) in streams.items()}
        data_samples = data_samples or [ActionDataSample() for _ in inputs]
        scores = []
        for network, seen in streams.values():
            predicted = network(seen, [ActionDataSample() for _ in inputs], mode="predict")
            scores.append(torch.stack([sample.pred_score for sample in predicted]))
        for sample, score_C in zip(data_samples, torch.stack(scores).mean(0), strict=True):
            sample.set_pred_score(score_C).set_pred_label(score_C.argmax())
        return data_samples

    def bones(self, joints_BTJ3: torch.Tensor) -> torch.Tensor:
        """From each joint's parent to it, zero at the centre; the confidence of a bone is the mean of its ends'."""
        parents_BTJ3 = joints_BTJ3[:, :, self.parent_J]
        bones_BTJ3 = joints_BTJ3 - parents_BTJ3
        if self.confidence:
            bones_BTJ3[..., 2] = (joints_BTJ3[..., 2] + parents_BTJ3[..., 2]) / 2
        return bones_BTJ3


@MODELS.register_module()
class HeatmapRecognizer3D(Recognizer3D):
    """``Recognizer3D`` on a volume of heatmaps, a channel a joint, drawn on the device (PoseC3D, arXiv 2104.13586).

    MMAction2 draws them on the host, clip by clip, in a box about the person; here the body's centre is the middle of
    the square, and of joints in space the view from the front is drawn.

    Args:
        layout: a name of :data:`fgsgl.data.skeletons.LAYOUTS`.
        side: S, pixels.
        sigma: of a joint's Gaussian, pixels.
        every: every how many frames one is drawn.
        autocast: ``bf16`` or ``none``.
        arguments: as for ``Recognizer3D``.
    """

    def __init__(
        self, layout: str, side: int, sigma: float = 0.6, every: int = 1, autocast: str = "none", **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        exact_conv3d(self)
        self.confidence = LAYOUTS[layout].confidence
        self.side, self.sigma, self.every, self.autocast = side, sigma, every, autocast

    def extract_feat(self, inputs: torch.Tensor, *arguments: Any, **options: Any) -> tuple[torch.Tensor, dict]:
        """``joints_BTJ3`` -> features, and what the head is told, as ``Recognizer3D``."""
        volume_BJTSS = heatmaps(inputs[:, self.every - 1 :: self.every], self.side, self.sigma, self.confidence)
        with computed(inputs.device, self.autocast):
            features, told = super().extract_feat(volume_BJTSS[:, None], *arguments, **options)
        return features.float(), told


def heatmaps(joints_BTJ3: torch.Tensor, side: int, sigma: float, confidence: bool) -> torch.Tensor:
    """A Gaussian for each joint, as high as the joint is sure: ``volume_BJTSS``, a row for each y.

    Args:
        joints_BTJ3: about the body's centre, in units of its size; what lies further off than ``REACH`` is not drawn.
        side: S, pixels.
        sigma: of the Gaussian, pixels.
        confidence: whether the third value is one; else every joint is sure.
    """
    pixel_S = torch.arange(side, device=joints_BTJ3.device)
    place_BJT2 = (joints_BTJ3[..., :2].movedim(2, 1) / REACH + 1) * (side - 1) / 2
    line_BJT2S = torch.exp(-((pixel_S - place_BJT2[..., None]) ** 2) / (2 * sigma**2))
    column_BJTS, row_BJTS = line_BJT2S.unbind(3)
    if confidence:
        row_BJTS = row_BJTS * joints_BTJ3[..., 2].movedim(2, 1)[..., None]
    return row_BJTS[..., :, None] * column_BJTS[..., None, :]
