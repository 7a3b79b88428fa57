"""TSN: single frames, their scores averaged (Wang et al. 2016, arXiv 1608.00859), with MMAction2's own head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fgsgl.bench.method import Classes, Method
from fgsgl.bench.protocol import Protocol
from fgsgl.bench.recipes import RECIPES
from fgsgl.models import synmg_tiny

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def _model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "AutocastRecognizer2D",
        "data_preprocessor": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        "backbone": {"type": "SlimResNet", "pretrained": settings["pretrained"]},
        "cls_head": {
            "type": "TSNHead",
            "num_classes": classes.count,
            "in_channels": 192,
            "dropout_ratio": settings["dropout"],
            "average_clips": "prob",
        },
    }


def slim_pretraining(protocol: Protocol, settings: Mapping[str, Any]) -> str:
    """Name and hash of the backbone's weights."""
    if settings["pretrained"] == synmg_tiny.SLIM_NAME:
        return f"{synmg_tiny.SLIM_NAME}@{synmg_tiny.sha256(synmg_tiny.slim_path())[:12]}"
    return str(settings["pretrained"] or "none")


METHOD = Method(
    name="tsn",
    display_name="TSN",
    paper="Wang et al. 2016, arXiv 1608.00859",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.4},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=slim_pretraining,
)
