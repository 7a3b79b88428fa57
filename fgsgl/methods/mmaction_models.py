"""What the RGB baselines of ``baselines/`` share: MMAction2's recognizers as configs of plain values, in two sizes.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fgsgl.methods.method import Classes
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
KINETICS_MEAN, KINETICS_STD = (114.75, 114.75, 114.75), (57.375, 57.375, 57.375)
SLIM_CHANNELS, RESNET50_CHANNELS = 192, 2048


def sized(protocol: Protocol, standard: Mapping[str, Any], **quick: Any) -> dict[str, Any]:
    """The published values, some of them changed at the protocol's size ``quick``."""
    return {**standard, **quick} if protocol.size == "quick" else dict(standard)


def recognizer_3d(
    classes: Classes,
    settings: Mapping[str, Any],
    backbone: Mapping[str, Any],
    head: Mapping[str, Any],
    *,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    neck: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The config of a recognizer of whole clips.

    Args:
        classes: how many.
        settings: ``pretrained``: a checkpoint of MMAction2's for the backbone, or None; ``dropout`` of the head.
        backbone, head, neck: as MMAction2 has them; the head without what is said here.
        mean, std: per channel, in 0..255.
    """
    return {
        "type": "AutocastRecognizer3D",
        "data_preprocessor": {"mean": mean, "std": std},
        "pretrained": settings["pretrained"],
        "backbone": dict(backbone),
        **({"neck": dict(neck)} if neck else {}),
        "cls_head": _head(classes, settings, head),
    }


def recognizer_2d(
    protocol: Protocol,
    classes: Classes,
    settings: Mapping[str, Any],
    slim: Mapping[str, Any],
    resnet50: Mapping[str, Any],
    head: Mapping[str, Any],
) -> dict[str, Any]:
    """The config of a recognizer of single frames: ``quick`` on the slim pretrained ResNet, else on a ResNet-50.

    Args:
        protocol: names the size.
        classes: how many.
        settings: ``pretrained``: weights of the backbone, whose default are the slim one's, which the ResNet-50 has
            no use for; ``dropout`` of the head.
        slim, resnet50, head: as MMAction2 has them, without what is said here.
    """
    weights = settings["pretrained"]
    if protocol.size == "quick":
        backbone = {"type": "SlimResNet", "pretrained": weights, **slim}
        channels, weights = SLIM_CHANNELS, None
    else:
        backbone, channels = {"type": "ResNet", "depth": 50, **resnet50}, RESNET50_CHANNELS
        weights = None if weights == synmg_tiny.SLIM_NAME else weights
    return {
        "type": "AutocastRecognizer2D",
        "data_preprocessor": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        "pretrained": weights,
        "backbone": backbone,
        "cls_head": _head(classes, settings, {"in_channels": channels, **head}),
    }


def backbone_pretraining(protocol: Protocol, settings: Mapping[str, Any]) -> str:
    """Name and hash of the backbone's weights.

    Raises:
        UserError: for a file that does not exist.
    """
    weights = settings["pretrained"]
    if weights is None or (weights == synmg_tiny.SLIM_NAME and protocol.size != "quick"):
        return "none"
    path = synmg_tiny.slim_path() if weights == synmg_tiny.SLIM_NAME else Path(weights)
    if not path.is_file():
        raise UserError(f"no weights at {path}; the setting 'pretrained' takes an existing file")
    name = weights if weights == synmg_tiny.SLIM_NAME else path.name
    return f"{name}@{synmg_tiny.sha256(path)[:12]}"


def require(protocol: Protocol, field: str, name: str, multiple_of: int = 1, *, least: int = 1, most: int = 0) -> None:
    """Refuses a number of frames or an image size that a network cannot take.

    Args:
        protocol: what is asked for.
        field: ``num_frames`` or ``image_size``.
        name: of the network.
        multiple_of: what the value must be divisible by.
        least: smallest value.
        most: largest value; 0: there is none.

    Raises:
        UserError: that says which values it takes.
    """
    value = getattr(protocol, field)
    if value % multiple_of or value < least or (most and value > most):
        steps = f"multiples of {multiple_of}" if multiple_of > 1 else "values"
        limit = f"from {least} to {most}" if most else f"from {least} on"
        raise UserError(f"{field} is {value}, but {name} takes {steps} {limit}")


def _head(classes: Classes, settings: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, Any]:
    common = {"num_classes": classes.count, "dropout_ratio": settings["dropout"], "average_clips": "prob"}
    return {**common, **head}
