"""SlowOnly: SlowFast's slow pathway alone, on ResNet-50 (Feichtenhofer et al. 2019, arXiv 1812.03982)."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import SLIM_CHANNELS, backbone_pretraining, inflated_3d, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    published = {"type": "ResNet3dSlowOnly", "depth": 50, "lateral": False, "pretrained": None}
    head = {"type": "I3DHead", **sized(protocol, {"in_channels": 2048}, in_channels=SLIM_CHANNELS)}
    return inflated_3d(protocol, classes, settings, {"kernels": (1, 1, 1, 3, 3)}, published, head)


METHOD = Method(
    name="slowonly",
    display_name="SlowOnly",
    paper="Feichtenhofer et al. 2019, arXiv 1812.03982",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
