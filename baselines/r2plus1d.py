"""R(2+1)D: convolutions in space, then in time, 34 layers (Tran et al. 2018, arXiv 1711.11248), as in MMAction2."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import SLIM_CHANNELS, backbone_pretraining, inflated_3d, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    published = {
        "type": "ResNet2Plus1d",
        "depth": 34,
        "pretrained": None,
        "pretrained2d": False,
        "conv_cfg": {"type": "Conv2plus1d"},
        "norm_cfg": {"type": "BN3d", "requires_grad": True, "eps": 1e-3},
        "conv1_kernel": (3, 7, 7),
        "temporal_strides": (1, 2, 2, 2),
        "zero_init_residual": False,
    }
    slim = {"kernels": (3, 3, 3, 3, 3), "strides": (1, 2, 2, 2), "separate": True}
    head = {"type": "I3DHead", **sized(protocol, {"in_channels": 512}, in_channels=SLIM_CHANNELS)}
    return inflated_3d(protocol, classes, settings, slim, published, head)


METHOD = Method(
    name="r2plus1d",
    display_name="R(2+1)D",
    paper="Tran et al. 2018, arXiv 1711.11248",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
