"""MViTv2-S: attention that pools, scale by scale (Li et al. 2022, arXiv 2112.01526), as in MMAction2; no blending."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_3d, require, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "image_size", "MViTv2", multiple_of=4, least=32)
    small = {"embed_dims": 96, "num_layers": 16, "num_heads": 1, "downscale_indices": [1, 3, 14]}
    arch = sized(protocol, small, embed_dims=32, num_layers=4, downscale_indices=[1, 2, 3])
    backbone = {
        "type": "ClassTokenMViT",
        "arch": arch,
        "spatial_size": protocol.image_size,
        "temporal_size": protocol.num_frames,
        "drop_path_rate": 0.2,
    }
    head = {"type": "MViTHead", "in_channels": 8 * arch["embed_dims"]}
    return recognizer_3d(classes, settings, backbone, head)


METHOD = Method(
    name="mvitv2",
    display_name="MViTv2",
    paper="Li et al. 2022, arXiv 2112.01526",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch vit"],
    model=_model,
    pretraining=backbone_pretraining,
)
