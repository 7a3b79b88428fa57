"""PoseC3D: SlowOnly on a volume of the joints' heat maps (Duan et al. 2022, arXiv 2104.13586)."""

from __future__ import annotations

from typing import Any

from fgsgl.data.skeletons import LAYOUTS, layout_name
from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol

SIZES: dict[str, dict[str, Any]] = {
    "quick": {"side": 28, "every": 2, "base_channels": 16, "stage_blocks": [1, 1, 1]},
    "standard": {"side": 56, "every": 1, "base_channels": 32, "stage_blocks": [4, 6, 3]},
}
"""``standard`` is the published network: heat maps of 56 pixels, and 48 frames where the protocol has 8."""


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    layout, size = layout_name(protocol.dataset, protocol.preset), SIZES[protocol.size]
    return {
        "type": "HeatmapRecognizer3D",
        "data_preprocessor": {"layout": layout},
        "layout": layout,
        "side": size["side"],
        "sigma": settings["sigma"],
        "every": size["every"],
        "backbone": {
            "type": "ResNet3dSlowOnly",
            "depth": 50,
            "pretrained": None,
            "in_channels": len(LAYOUTS[layout].joints),
            "base_channels": size["base_channels"],
            "num_stages": 3,
            "out_indices": (2,),
            "stage_blocks": size["stage_blocks"],
            "conv1_stride_s": 1,
            "pool1_stride_s": 1,
            "inflate": (0, 1, 1),
            "spatial_strides": (2, 2, 2),
            "temporal_strides": (1, 1, 2),
            "dilations": (1, 1, 1),
        },
        "cls_head": {
            "type": "I3DHead",
            "num_classes": classes.count,
            "in_channels": 16 * size["base_channels"],
            "dropout_ratio": settings["dropout"],
            "average_clips": "prob",
        },
    }


METHOD = Method(
    name="posec3d",
    display_name="PoseC3D",
    paper="Duan et al. 2022, arXiv 2104.13586",
    modality="skeleton",
    settings={"dropout": 0.5, "sigma": 0.6},
    recipe=RECIPES["skeleton"],
    model=_model,
)
