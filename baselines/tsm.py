"""TSM: channels shifted in time (Lin et al. 2019, arXiv 1811.08383), with MMAction2's own shift and head."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_2d
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    frames = {"num_segments": protocol.num_frames}
    shift = {"shift_div": settings["shift_div"], **frames}
    slim, resnet50 = {"shift": True, **shift}, {"type": "ResNetTSM", "pretrained2d": False, **shift}
    return recognizer_2d(protocol, classes, settings, slim, resnet50, {"type": "TSMHead", **frames})


METHOD = Method(
    name="tsm",
    display_name="TSM",
    paper="Lin et al. 2019, arXiv 1811.08383",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.4, "shift_div": 8},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
