"""UniFormerV2-B/16: a ViT with global blocks over time (Li et al. 2022, arXiv 2211.09552), as in MMAction2.

The paper starts from CLIP's weights. At the size ``quick`` this starts from the tiny tower's, and else, without a file
of weights, from random ones.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import (
    KINETICS_MEAN,
    KINETICS_STD,
    recognizer_3d,
    require,
    sized,
    standard_weights,
)
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import CLIP_MEAN, CLIP_STD, TINY_WIDTH, start_of_transformer, transformer_pretraining
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "image_size", "UniFormerV2", multiple_of=16, least=16)
    if tower := start_of_transformer(protocol, settings):
        slim = {
            "type": "TowerUniFormerV2",
            "pretrained": tower,
            "input_resolution": protocol.image_size,
            "t_size": protocol.num_frames,
            "return_list": [2, 3],
            "n_layers": 2,
            "n_dim": TINY_WIDTH,
            "n_head": 4,
            "mlp_dropout": [0.5, 0.5],
        }
        head = {"type": "UniFormerHead", "in_channels": TINY_WIDTH}
        return recognizer_3d(classes, {**settings, "pretrained": None}, slim, head, mean=CLIP_MEAN, std=CLIP_STD)
    published = {
        "type": "UniFormerV2",
        "input_resolution": protocol.image_size,
        "t_size": protocol.num_frames,
        "patch_size": 16,
        "width": 768,
        "layers": 12,
        "heads": 12,
        "return_list": [8, 9, 10, 11],
        "n_layers": 4,
        "n_dim": 768,
        "n_head": 12,
        "mlp_dropout": [0.5, 0.5, 0.5, 0.5],
        "clip_pretrained": False,
    }
    few = {"width": 128, "layers": 4, "heads": 4, "n_dim": 128, "n_head": 4}
    backbone = sized(protocol, published, **few, return_list=[2, 3], n_layers=2, mlp_dropout=[0.5, 0.5])
    head = {"type": "UniFormerHead", "in_channels": backbone["width"]}
    own = {**settings, "pretrained": standard_weights(settings, synmg_tiny.NAME)}
    return recognizer_3d(classes, own, backbone, head, mean=KINETICS_MEAN, std=KINETICS_STD)


METHOD = Method(
    name="uniformerv2",
    display_name="UniFormerV2",
    paper="Li et al. 2022, arXiv 2211.09552",
    settings={"pretrained": synmg_tiny.NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained vit"],
    model=_model,
    pretraining=transformer_pretraining,
)
