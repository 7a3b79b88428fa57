"""FG-SGL as a method: its settings come from :class:`fgsgl.models.config.FGSGLConfig`, its recipe stands here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from fgsgl.bench.method import Classes, Method
from fgsgl.bench.protocol import Protocol
from fgsgl.bench.recipes import RECIPES
from fgsgl.errors import UserError
from fgsgl.models import synmg_tiny
from fgsgl.models.config import FGSGLConfig

FROM_PROTOCOL = ("num_classes", "text", "image_size", "num_frames", "tower", "pretrained", "autocast")
"""Settings that the protocol, the data set or the machine decides."""

CLIP_MEAN, CLIP_STD = (122.771, 116.746, 104.094), (68.501, 66.632, 70.323)
"""Of OpenAI's CLIP, in 0..255; also the tiny tower's."""


def _default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "FGSGL",
        "data_preprocessor": {"mean": CLIP_MEAN, "std": CLIP_STD},
        "num_classes": classes.count,
        "text": classes.text,
        "image_size": protocol.image_size,
        "num_frames": protocol.num_frames,
        "tower": protocol.backbone,
        "pretrained": protocol.pretrained,
        **settings,
        "label_smoothing": settings["label_smoothing"] or protocol.label_smoothing,
    }


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


METHOD = Method(
    name="fgsgl",
    display_name="FG-SGL",
    paper="Wei et al. 2026, arXiv 2603.16269 (reconstruction)",
    settings={field.name: _default(field.default) for field in fields(FGSGLConfig) if field.name not in FROM_PROTOCOL},
    later={field.name: _default(field.default) for field in fields(FGSGLConfig) if field.metadata.get("later")},
    recipe=RECIPES["peft"],
    model=_model,
    reads_text=True,
    hooks=({"type": "ProgressHook"}, {"type": "CalibrateHook"}),
    pretraining=tower_pretraining,
)
