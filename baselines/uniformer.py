"""UniFormer-S: convolution in the early stages, attention in the late ones (Li et al. 2022, arXiv 2201.04676)."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import (
    KINETICS_MEAN,
    KINETICS_STD,
    backbone_pretraining,
    recognizer_3d,
    require,
    sized,
)
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "image_size", "UniFormer", least=32)
    published = {
        "type": "UniFormer",
        "img_size": protocol.image_size,
        "depth": [3, 4, 8, 3],
        "embed_dim": [64, 128, 320, 512],
        "head_dim": 64,
        "drop_path_rate": 0.1,
        "pretrained2d": False,
    }
    backbone = sized(protocol, published, depth=[1, 1, 2, 1], embed_dim=[16, 32, 96, 192], head_dim=32)
    head = {"type": "I3DHead", "in_channels": backbone["embed_dim"][-1]}
    return recognizer_3d(classes, settings, backbone, head, mean=KINETICS_MEAN, std=KINETICS_STD)


METHOD = Method(
    name="uniformer",
    display_name="UniFormer",
    paper="Li et al. 2022, arXiv 2201.04676",
    settings={"pretrained": None, "dropout": 0.0},
    recipe=RECIPES["scratch vit"],
    model=_model,
    pretraining=backbone_pretraining,
)
