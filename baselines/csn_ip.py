"""ip-CSN: interaction-preserved channel-separated convolutions on ResNet-152 (Tran et al. 2019, arXiv 1904.02811)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fgsgl.methods.method import Classes, Method
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_3d, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def csn_method(name: str, display_name: str, mode: str) -> Method:
    """One of both kinds of channel-separated networks: ``ip`` keeps a 1 x 1 x 1 convolution that ``ir`` leaves out."""

    def model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
        published = {
            "type": "ResNet3dCSN",
            "depth": 152,
            "pretrained": None,
            "pretrained2d": False,
            "with_pool2": False,
            "bottleneck_mode": mode,
            "zero_init_residual": False,
        }
        backbone = sized(protocol, published, depth=50, stage_blocks=(1, 1, 2, 1), base_channels=16)
        head = {"type": "I3DHead", **sized(protocol, {"in_channels": 2048}, in_channels=512)}
        return recognizer_3d(classes, settings, backbone, head)

    return Method(
        name=name,
        display_name=display_name,
        paper="Tran et al. 2019, arXiv 1904.02811",
        settings={"pretrained": None, "dropout": 0.5},
        recipe=RECIPES["scratch cnn"],
        model=model,
        pretraining=backbone_pretraining,
    )


METHOD = csn_method("csn_ip", "ip-CSN", "ip")
