"""SlowFast on ResNet-50 (Feichtenhofer et al. 2019, arXiv 1812.03982), as in MMAction2.

The fast pathway sees every frame. The slow pathway sees four, as in the published 4 x 16, so alpha is frames / 4.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import SLIM_CHANNELS, backbone_pretraining, recognizer_3d, require, standard_weights
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "num_frames", "SlowFast", multiple_of=4, least=8)
    ratio = protocol.num_frames // 4
    if protocol.size == "quick":
        slim = {"type": "SlowFastSlimResNet", "ratio": ratio, "pretrained": settings["pretrained"]}
        head = {"type": "SlowFastHead", "in_channels": SLIM_CHANNELS + SLIM_CHANNELS // 8}
        return recognizer_3d(classes, {**settings, "pretrained": None}, slim, head)
    pathway = {"type": "resnet3d", "depth": 50, "pretrained": None, "conv1_stride_t": 1, "pool1_stride_t": 1}
    slow = {"lateral": True, "base_channels": 64, "conv1_kernel": (1, 7, 7), "inflate": (0, 0, 1, 1)}
    fast = {"lateral": False, "base_channels": 64 // 8, "conv1_kernel": (5, 7, 7)}
    backbone = {
        "type": "ResNet3dSlowFast",
        "resample_rate": ratio,
        "speed_ratio": ratio,
        "channel_ratio": 8,
        "slow_pathway": {**pathway, **slow},
        "fast_pathway": {**pathway, **fast},
    }
    head = {"type": "SlowFastHead", "in_channels": 2048 + 256}
    return recognizer_3d(classes, {**settings, "pretrained": standard_weights(settings)}, backbone, head)


METHOD = Method(
    name="slowfast",
    display_name="SlowFast",
    paper="Feichtenhofer et al. 2019, arXiv 1812.03982",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
