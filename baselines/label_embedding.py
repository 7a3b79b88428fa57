"""Label embedding: TSM whose features also regress the text embedding of the label (Li et al. 2023, arXiv 2307.10624).

The loss of the winners of the MiGA challenge of 2023, there on skeletons (PoseC3D), here on frames with TSM's network.
Other differences: see :class:`fgsgl.models.baselines.label_embedding.LabelEmbeddingHead`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fgsgl.methods.method import Classes, Method
from fgsgl.methods.mmaction_models import IMAGENET_MEAN, IMAGENET_STD
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def embedding_model(standard: str, squeeze: bool) -> Callable[[Protocol, Classes, Mapping[str, Any]], dict[str, Any]]:
    """The config of TSM with the label-embedding head.

    Args:
        standard: timm's ResNet of the standard size; at the quick size it is the slim one.
        squeeze: squeeze-and-excitation in the slim one's blocks.
    """

    def model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
        frames, pretrained = protocol.num_frames, settings["pretrained"]
        backbone, channels = {"type": "ShiftedResNet", "name": standard, "pretrained": pretrained}, 2048
        if protocol.size == "quick":
            weights = synmg_tiny.SLIM_NAME if pretrained else None
            backbone, channels = {"type": "SlimResNet", "shift": True, "squeeze": squeeze, "pretrained": weights}, 192
        return {
            "type": "AutocastRecognizer2D",
            "data_preprocessor": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
            "backbone": {**backbone, "num_segments": frames, "shift_div": settings["shift_div"]},
            "cls_head": {
                "type": "LabelEmbeddingHead",
                "num_classes": classes.count,
                "in_channels": channels,
                "num_segments": frames,
                "dropout_ratio": settings["dropout"],
                "average_clips": "prob",
                "text": classes.text,
                "tower": protocol.backbone,
                "pretrained": protocol.pretrained,
                "image_size": protocol.image_size,
                "embedding_weight": settings["embedding_weight"],
            },
        }

    return model


def embedding_pretraining(standard: str) -> Callable[[Protocol, Mapping[str, Any]], str]:
    """Names and hashes of the backbone's weights and of the tower that embeds the labels."""

    def pretraining(protocol: Protocol, settings: Mapping[str, Any]) -> str:
        backbone = "none"
        if settings["pretrained"]:
            slim = f"{synmg_tiny.SLIM_NAME}@{synmg_tiny.sha256(synmg_tiny.slim_path())[:12]}"
            backbone = slim if protocol.size == "quick" else f"timm:{standard}"
        return f"{backbone}; text {tower_pretraining(protocol, settings)}"

    return pretraining


SETTINGS = {"pretrained": True, "dropout": 0.4, "shift_div": 8, "embedding_weight": 1.0}

METHOD = Method(
    name="label_embedding",
    display_name="TSM + label embedding",
    paper="Li et al. 2023, arXiv 2307.10624 (on TSM)",
    settings=SETTINGS,
    recipe=RECIPES["pretrained cnn"],
    model=embedding_model("resnet50.tv_in1k", squeeze=False),
    reads_text=True,
    pretraining=embedding_pretraining("resnet50.tv_in1k"),
)
