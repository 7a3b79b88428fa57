"""TSN: single frames, their scores averaged (Wang et al. 2016, arXiv 1608.00859), with MMAction2's own head."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_2d
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return recognizer_2d(protocol, classes, settings, {}, {}, {"type": "TSNHead"})


METHOD = Method(
    name="tsn",
    display_name="TSN",
    paper="Wang et al. 2016, arXiv 1608.00859",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.4},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
