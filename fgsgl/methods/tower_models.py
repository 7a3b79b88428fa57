"""What methods on the vision-language tower share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fgsgl.methods.method import Classes
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError


def tower_settings(protocol: Protocol, classes: Classes) -> dict[str, Any]:
    """What every recognizer on the protocol's tower is told; see :mod:`fgsgl.models.towers.recognizer`."""
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
    """The config of a :class:`fgsgl.models.baselines.frozen_tower.FrozenTower` with one of its heads."""

    def model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "FrozenTower", **tower_settings(protocol, classes), "text": classes.text, "head": head}

    return model


CLIP_MEAN, CLIP_STD = (122.771, 116.746, 104.094), (68.501, 66.632, 70.323)
"""Of OpenAI's CLIP, in 0..255; also the tiny tower's."""


def tower_pretraining(protocol: Protocol, settings: Mapping[str, Any]) -> str:
    """Name and, where the weights are a file, hash of the tower that the protocol names.

    Raises:
        UserError: for a file that does not exist.
    """
    path = Path(protocol.pretrained)
    if protocol.pretrained == synmg_tiny.NAME:
        return f"{synmg_tiny.NAME}@{synmg_tiny.weights_sha256()[:12]}"
    if path.is_file():
        return f"{protocol.backbone}:{path.name}@{synmg_tiny.sha256(path)[:12]}"
    if path.suffix or len(path.parts) > 1:
        raise UserError(f"no weights at {path}; --pretrained takes an existing file, or a tag of {protocol.backbone}")
    return f"{protocol.backbone}:{protocol.pretrained}"
