"""Video Swin-T: attention in shifted windows of space and time (Liu et al. 2022, arXiv 2106.13230), as in MMAction2."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_3d, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    tiny = {"embed_dims": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
    arch = sized(protocol, tiny, embed_dims=32, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8))
    backbone = {
        "type": "SwinTransformer3D",
        "arch": arch,
        "pretrained2d": False,
        "patch_size": (2, 4, 4),
        "window_size": (8, 7, 7),
        "drop_path_rate": 0.1,
    }
    head = {"type": "I3DHead", "in_channels": 8 * arch["embed_dims"]}
    return recognizer_3d(classes, settings, backbone, head)


METHOD = Method(
    name="video_swin",
    display_name="Video Swin",
    paper="Liu et al. 2022, arXiv 2106.13230",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch vit"],
    model=_model,
    pretraining=backbone_pretraining,
)
