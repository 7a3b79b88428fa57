"""Linear probe: a linear classifier on the embeddings of the frozen tower (Radford et al. 2021, arXiv 2103.00020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fgsgl.bench.fgsgl import CLIP_MEAN, CLIP_STD, tower_pretraining
from fgsgl.bench.method import Classes, Method
from fgsgl.bench.protocol import Protocol
from fgsgl.bench.recipes import RECIPES


def tower_settings(protocol: Protocol, classes: Classes) -> dict[str, Any]:
    """What every recognizer on the protocol's tower is told; see :mod:`fgsgl.models.tower_recognizer`."""
    return {
        "data_preprocessor": {"mean": CLIP_MEAN, "std": CLIP_STD},
        "num_classes": classes.count,
        "tower": protocol.backbone,
        "pretrained": protocol.pretrained,
        "image_size": protocol.image_size,
        "num_frames": protocol.num_frames,
        "label_smoothing": protocol.label_smoothing,
    }


def frozen_model(head: str) -> Callable[[Protocol, Classes, Mapping[str, Any]], dict[str, Any]]:
    """The config of a :class:`fgsgl.models.frozen.FrozenTower` with one of its heads."""

    def model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "FrozenTower", **tower_settings(protocol, classes), "text": classes.text, "head": head}

    return model


METHOD = Method(
    name="linear_probe",
    display_name="Linear probe",
    paper="Radford et al. 2021, arXiv 2103.00020",
    recipe=RECIPES["probe"],
    model=frozen_model("linear"),
    pretraining=tower_pretraining,
)
