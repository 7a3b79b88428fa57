"""TPN: a pyramid of tempos over SlowOnly's last two stages (Yang et al. 2020, arXiv 2004.03548), as in MMAction2.

The neck wants a second map of half the size and twice the channels, so it reads the slim network's middle stages.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining, inflated_3d
from fgsgl.methods.recipes import RECIPES
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    slow_only = {"type": "ResNet3dSlowOnly", "depth": 50, "lateral": False, "out_indices": (2, 3), "pretrained": None}
    low, high = (64, 128) if protocol.size == "quick" else (1024, 2048)
    fusion = {"in_channels": (low, low), "mid_channels": (low, low), "out_channels": high}
    tempo = min(8, protocol.num_frames)
    neck = {
        "type": "TPN",
        "in_channels": (low, high),
        "out_channels": low,
        "spatial_modulation_cfg": {"in_channels": (low, high), "out_channels": high},
        "temporal_modulation_cfg": {"downsample_scales": (tempo, tempo)},
        "upsample_cfg": {"scale_factor": (1, 1, 1)},
        "downsample_cfg": {"downsample_scale": (1, 1, 1)},
        "level_fusion_cfg": {**fusion, "downsample_scales": ((1, 1, 1), (1, 1, 1))},
        "aux_head_cfg": {"out_channels": classes.count, "loss_weight": 0.5},
    }
    slim = {"kernels": (1, 1, 1, 3, 3), "outputs": (1, 2)}
    return inflated_3d(
        protocol, classes, settings, slim, slow_only, {"type": "TPNHead", "in_channels": 2048}, neck=neck
    )


METHOD = Method(
    name="tpn",
    display_name="TPN",
    paper="Yang et al. 2020, arXiv 2004.03548",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.5},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=backbone_pretraining,
)
