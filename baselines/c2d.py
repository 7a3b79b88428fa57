"""C2D: a ResNet-50 of single frames, pooled in time (Wang et al. 2018, arXiv 1711.07971), as in MMAction2."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import SLIM_CHANNELS, backbone_pretraining, inflated_3d, require, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "num_frames", "C2D", least=2)
    head = {"type": "I3DHead", **sized(protocol, {"in_channels": 2048}, in_channels=SLIM_CHANNELS)}
    return inflated_3d(protocol, classes, settings, {}, {"type": "C2D", "depth": 50}, head)


METHOD = Method(
    name="c2d",
    display_name="C2D",
    paper="Wang et al. 2018, arXiv 1711.07971",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
