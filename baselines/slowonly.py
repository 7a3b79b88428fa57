"""SlowOnly: SlowFast's slow pathway alone, on ResNet-50 (Feichtenhofer et al. 2019, arXiv 1812.03982)."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_3d, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    published = {"type": "ResNet3dSlowOnly", "depth": 50, "lateral": False, "pretrained": None}
    backbone = sized(protocol, published, depth=18, base_channels=32)
    head = {"type": "I3DHead", **sized(protocol, {"in_channels": 2048}, in_channels=256)}
    return recognizer_3d(classes, settings, backbone, head)


METHOD = Method(
    name="slowonly",
    display_name="SlowOnly",
    paper="Feichtenhofer et al. 2019, arXiv 1812.03982",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
