"""C3D: eight convolutions of 3 x 3 x 3 and two wide layers (Tran et al. 2015, arXiv 1412.0767), as in MMAction2.

Published for 16 frames of 112 px; for other clips the first wide layer changes its size. Random weights are trained
with batch normalisation, which C3D lacks: without it, training diverges at the family's learning rate.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_3d, require, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol

MEAN, STD = (104.0, 117.0, 128.0), (1.0, 1.0, 1.0)


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "num_frames", "C3D", least=8)
    require(protocol, "image_size", "C3D", least=16)
    size = {"num_frames": protocol.num_frames, "image_size": protocol.image_size}
    width = sized(protocol, {"base_channels": 64, "fc_channels": 4096}, base_channels=16, fc_channels=512)
    head = {"type": "I3DHead", "in_channels": width["fc_channels"], "spatial_type": None}
    backbone = {"type": "SizedC3D", "batch_norm": settings["pretrained"] is None, **size, **width}
    return recognizer_3d(classes, settings, backbone, head, mean=MEAN, std=STD)


METHOD = Method(
    name="c3d",
    display_name="C3D",
    paper="Tran et al. 2015, arXiv 1412.0767",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
