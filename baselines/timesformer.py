"""TimeSformer-B/16: attention in time, then in space (Bertasius et al. 2021, arXiv 2102.05095), as in MMAction2."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import recognizer_3d, require, sized, standard_weights
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import CLIP_MEAN, CLIP_STD, TINY_WIDTH, start_of_transformer, transformer_pretraining
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    require(protocol, "image_size", "TimeSformer", multiple_of=16, least=16)
    if tower := start_of_transformer(protocol, settings):
        frames = {"num_frames": protocol.num_frames, "img_size": protocol.image_size}
        slim = {"type": "TowerTimeSformer", "pretrained": tower, **frames}
        head = {"type": "TimeSformerHead", "in_channels": TINY_WIDTH}
        return recognizer_3d(classes, {**settings, "pretrained": None}, slim, head, mean=CLIP_MEAN, std=CLIP_STD)
    published = {
        "type": "TimeSformer",
        "num_frames": protocol.num_frames,
        "img_size": protocol.image_size,
        "patch_size": 16,
        "embed_dims": 768,
        "num_heads": 12,
        "num_transformer_layers": 12,
        "attention_type": "divided_space_time",
    }
    backbone = sized(protocol, published, embed_dims=128, num_heads=4, num_transformer_layers=4)
    head = {"type": "TimeSformerHead", "in_channels": backbone["embed_dims"]}
    return recognizer_3d(
        classes, {**settings, "pretrained": standard_weights(settings, synmg_tiny.NAME)}, backbone, head
    )


METHOD = Method(
    name="timesformer",
    display_name="TimeSformer",
    paper="Bertasius et al. 2021, arXiv 2102.05095",
    settings={"pretrained": synmg_tiny.NAME, "dropout": 0.0},
    recipe=RECIPES["pretrained vit"],
    model=_model,
    pretraining=transformer_pretraining,
)
