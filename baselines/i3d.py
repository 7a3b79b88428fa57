"""I3D: a ResNet-50 whose kernels are inflated in time (Carreira and Zisserman 2017, arXiv 1705.07750), as in MMAction2.

From 32 frames on, the stem strides in time twice, as published. With fewer frames it does not, because most of the
network would then see a single step.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import SLIM_CHANNELS, backbone_pretraining, inflated_3d, require, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "num_frames", "I3D", least=2)
    stride = 2 if protocol.num_frames >= 32 else 1
    published = {
        "type": "ResNet3d",
        "depth": 50,
        "pretrained": None,
        "conv1_kernel": (5, 7, 7),
        "conv1_stride_t": stride,
        "pool1_stride_t": stride,
        "inflate": ((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
        "zero_init_residual": False,
    }
    head = {"type": "I3DHead", **sized(protocol, {"in_channels": 2048}, in_channels=SLIM_CHANNELS)}
    return inflated_3d(protocol, classes, settings, {"kernels": (5, 3, 3, 3, 3)}, published, head)


METHOD = Method(
    name="i3d",
    display_name="I3D",
    paper="Carreira and Zisserman 2017, arXiv 1705.07750",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
