"""TSM: channels shifted in time (Lin et al. 2019, arXiv 1811.08383), with MMAction2's own shift and head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baselines.tsn import IMAGENET_MEAN, IMAGENET_STD, slim_pretraining
from fgsgl.bench.method import Classes, Method
from fgsgl.bench.protocol import Protocol
from fgsgl.bench.recipes import RECIPES
from fgsgl.models import synmg_tiny


def _model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
    frames = protocol.num_frames
    return {
        "type": "AutocastRecognizer2D",
        "data_preprocessor": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        "backbone": {
            "type": "SlimResNet",
            "pretrained": settings["pretrained"],
            "shift": True,
            "shift_div": settings["shift_div"],
            "num_segments": frames,
        },
        "cls_head": {
            "type": "TSMHead",
            "num_classes": classes.count,
            "in_channels": 192,
            "num_segments": frames,
            "dropout_ratio": settings["dropout"],
            "average_clips": "prob",
        },
    }


METHOD = Method(
    name="tsm",
    display_name="TSM",
    paper="Lin et al. 2019, arXiv 1811.08383",
    settings={"pretrained": synmg_tiny.SLIM_NAME, "dropout": 0.4, "shift_div": 8},
    recipe=RECIPES["pretrained cnn"],
    model=_model,
    pretraining=slim_pretraining,
)
