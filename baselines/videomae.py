"""VideoMAE: a ViT-B/16 of tubelets of two frames (Tong et al. 2022, arXiv 2203.12602), as in MMAction2.

The paper is about its pretraining on masked clips. Without a file of pretrained weights this is the bare network.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, recognizer_3d, require, sized
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "image_size", "VideoMAE", multiple_of=16, least=16)
    require(protocol, "num_frames", "VideoMAE", multiple_of=2, least=2)
    published = {
        "type": "VisionTransformer",
        "img_size": protocol.image_size,
        "num_frames": protocol.num_frames,
        "patch_size": 16,
        "embed_dims": 768,
        "depth": 12,
        "num_heads": 12,
    }
    backbone = sized(protocol, published, embed_dims=192, depth=4, num_heads=3)
    head = {"type": "TimeSformerHead", "in_channels": backbone["embed_dims"]}
    return recognizer_3d(classes, settings, backbone, head)


METHOD = Method(
    name="videomae",
    display_name="VideoMAE",
    paper="Tong et al. 2022, arXiv 2203.12602",
    settings={"pretrained": None, "dropout": 0.0},
    recipe=RECIPES["scratch vit"],
    model=_model,
    pretraining=backbone_pretraining,
)
