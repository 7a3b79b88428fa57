"""TRN: relations among 2 to T frames (Zhou et al. 2018, arXiv 1711.08496), multi-scale, with MMAction2's own head."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_2d, require
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "num_frames", "TRN", least=3, most=16)  # it lists every choice of frames
    head = {"type": "RepeatableTRNHead", "num_segments": protocol.num_frames, "hidden_dim": 256, "init_std": 0.001}
    return recognizer_2d(protocol, classes, settings, {}, {}, head)


METHOD = Method(
    name="trn",
    display_name="TRN",
    paper="Zhou et al. 2018, arXiv 1711.08496",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.8},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
