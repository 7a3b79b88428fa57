"""X3D-S: a small network grown axis by axis (Feichtenhofer 2020, arXiv 2004.04730), published for 13 frames, 160 px."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fgsgl.methods.method import Classes, Method
from fgsgl.methods.mmaction_models import KINETICS_MEAN, KINETICS_STD, backbone_pretraining, recognizer_3d, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
    published = {"type": "X3D", "gamma_w": 1.0, "gamma_b": 2.25, "gamma_d": 2.2}
    backbone = sized(protocol, published, gamma_w=0.33, gamma_d=0.5)
    head = {"type": "X3DHead", **sized(protocol, {"in_channels": 432}, in_channels=144)}
    return recognizer_3d(classes, settings, backbone, head, mean=KINETICS_MEAN, std=KINETICS_STD)


METHOD = Method(
    name="x3d_s",
    display_name="X3D-S",
    paper="Feichtenhofer 2020, arXiv 2004.04730",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
