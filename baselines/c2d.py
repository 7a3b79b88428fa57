"""C2D: a ResNet-50 of single frames, pooled in time (Wang et al. 2018, arXiv 1711.07971), as in MMAction2."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_3d, require, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "num_frames", "C2D", least=2)
    backbone = sized(protocol, {"type": "C2D", "depth": 50}, depth=18)
    head = {"type": "I3DHead", **sized(protocol, {"in_channels": 2048}, in_channels=512)}
    return recognizer_3d(classes, settings, backbone, head)


METHOD = Method(
    name="c2d",
    display_name="C2D",
    paper="Wang et al. 2018, arXiv 1711.07971",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
