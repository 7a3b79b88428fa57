"""TANet: kernels in time that adapt to the clip (Liu et al. 2021, arXiv 2005.06803), MMAction2's module and head."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_2d, require
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "num_frames", "TANet", least=3)
    frames = {"num_segments": protocol.num_frames}
    head = {"type": "TSMHead", "init_std": 0.001, **frames}
    return recognizer_2d(
        protocol, classes, settings, {"type": "SlimTANet", **frames}, {"type": "TANet", **frames}, head
    )


METHOD = Method(
    name="tanet",
    display_name="TANet",
    paper="Liu et al. 2021, arXiv 2005.06803",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
