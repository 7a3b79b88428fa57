"""TSM with a label-embedding head (Li et al. 2023, arXiv 2307.10624): the config that two baselines share."""

from __future__ import annotations

from fgsgl.methods.method import BuildModel, Classes, ModelConfig, Pretraining, Settings
from fgsgl.methods.mmaction_models import IMAGENET_MEAN, IMAGENET_STD, SLIM_CHANNELS
from fgsgl.methods.tower_models import tower_pretraining
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol

SETTINGS: Settings = {"pretrained": True, "dropout": 0.4, "shift_div": 8, "embedding_weight": 1.0}


def embedding_model(standard: str, squeeze: bool) -> BuildModel:
    """The config of TSM with the label-embedding head.

    Args:
        standard: timm's ResNet at the standard size; the quick size uses the slim one.
        squeeze: whether the slim one's blocks have squeeze-and-excitation.
    """

    def model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
        frames, pretrained = protocol.num_frames, settings["pretrained"]
        backbone, channels = {"type": "ShiftedResNet", "name": standard, "pretrained": pretrained}, 2048
        if protocol.size == "quick":
            weights = synmg_tiny.SLIM_NAME if pretrained else None
            backbone = {"type": "SlimResNet", "shift": True, "squeeze": squeeze, "pretrained": weights}
            channels = SLIM_CHANNELS
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
                "embedding_weight": settings["embedding_weight"],
            },
        }

    return model


def embedding_pretraining(standard: str) -> Pretraining:
    """Names and hashes of the backbone's weights and of the tower that embeds the labels."""

    def pretraining(protocol: Protocol, settings: Settings) -> str:
        backbone = "none"
        if settings["pretrained"]:
            slim = f"{synmg_tiny.SLIM_NAME}@{synmg_tiny.sha256(synmg_tiny.slim_path())[:12]}"
            backbone = slim if protocol.size == "quick" else f"timm:{standard}"
        return f"{backbone}; text {tower_pretraining(protocol, settings)}"

    return pretraining
