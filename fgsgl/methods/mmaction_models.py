"""Configs of MMAction2's RGB recognizers in two sizes, shared by the files of ``baselines/``.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from fgsgl.methods.method import BuildModel, Classes, ModelConfig, Settings
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
KINETICS_MEAN, KINETICS_STD = (114.75, 114.75, 114.75), (57.375, 57.375, 57.375)
SLIM_CHANNELS, RESNET50_CHANNELS = 192, 2048


def sized(protocol: Protocol, standard: Mapping[str, Any], **quick: Any) -> dict[str, Any]:
    """The published values; at the size ``quick`` some of them are replaced."""
    return {**standard, **quick} if protocol.size == "quick" else dict(standard)


def recognizer_3d(
    classes: Classes,
    settings: Settings,
    backbone: Mapping[str, Any],
    head: Mapping[str, Any],
    *,
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
    neck: Mapping[str, Any] | None = None,
) -> ModelConfig:
    """The config of a recognizer that sees whole clips at once.

    Args:
        classes: how many.
        settings: ``pretrained``: one of MMAction2's checkpoints for the backbone, or None; ``dropout`` of the head.
        backbone, head, neck: configs of MMAction2; the head's lacks the classes and the dropout, which are added.
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
    settings: Settings,
    slim: Mapping[str, Any],
    resnet50: Mapping[str, Any],
    head: Mapping[str, Any],
) -> ModelConfig:
    """The config of a recognizer that sees single frames: a slim pretrained ResNet at ``quick``, else a ResNet-50.

    Args:
        protocol: names the size.
        classes: how many.
        settings: ``pretrained``: weights of the backbone; the default ones fit the slim ResNet alone, and a ResNet-50
            ignores them. ``dropout`` of the head.
        slim, resnet50, head: configs of MMAction2, without the keys that are added here.
    """
    weights = settings["pretrained"]
    if protocol.size == "quick":
        backbone = {"type": "SlimResNet", "pretrained": weights, **slim}
        channels, weights = SLIM_CHANNELS, None
    else:
        backbone, channels = {"type": "ResNet", "depth": 50, **resnet50}, RESNET50_CHANNELS
        weights = standard_weights(settings)
    return {
        "type": "AutocastRecognizer2D",
        "data_preprocessor": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        "pretrained": weights,
        "backbone": backbone,
        "cls_head": _head(classes, settings, {"in_channels": channels, **head}),
    }


def standard_weights(settings: Settings, shipped: str = synmg_tiny.SLIM_NAME) -> Any:
    """The setting ``pretrained`` for a published network, where the weights that ship, which fit ``quick`` alone, are
    None."""
    weights = settings["pretrained"]
    return None if weights == shipped else weights


def inflated_3d(
    protocol: Protocol,
    classes: Classes,
    settings: Settings,
    slim: Mapping[str, Any],
    published: Mapping[str, Any],
    head: Mapping[str, Any],
    *,
    neck: Mapping[str, Any] | None = None,
) -> ModelConfig:
    """The config of a recognizer of whole clips that starts, at ``quick``, from the slim ResNet inflated in time.

    Args:
        protocol: names the size.
        classes: how many.
        settings: as of :func:`recognizer_2d`.
        slim: the inflated backbone, without its weights.
        published: the standard backbone.
        head, neck: as of :func:`recognizer_3d`.
    """
    weights = settings["pretrained"]
    if protocol.size == "quick":
        backbone, weights = {"type": "InflatedSlimResNet", "pretrained": weights, **slim}, None
    else:
        backbone, weights = dict(published), standard_weights(settings)
    return recognizer_3d(classes, {**settings, "pretrained": weights}, backbone, head, neck=neck)


def csn_model(bottleneck_mode: Literal["ip", "ir"]) -> BuildModel:
    """The config of a channel-separated network (Tran et al. 2019, arXiv 1904.02811).

    Args:
        bottleneck_mode: ``ip`` keeps a convolution of 1 x 1 x 1 that ``ir`` leaves out.
    """

    def model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
        published = {
            "type": "ResNet3dCSN",
            "depth": 152,
            "pretrained": None,
            "pretrained2d": False,
            "with_pool2": False,
            "bottleneck_mode": bottleneck_mode,
            "zero_init_residual": False,
        }
        backbone = sized(protocol, published, depth=50, stage_blocks=(1, 1, 2, 1), base_channels=16)
        head = {"type": "I3DHead", **sized(protocol, {"in_channels": 2048}, in_channels=512)}
        return recognizer_3d(classes, settings, backbone, head)

    return model


def x3d_model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    """The config of X3D (Feichtenhofer 2020, arXiv 2004.04730), the same for S and M."""
    published = {"type": "X3D", "gamma_w": 1.0, "gamma_b": 2.25, "gamma_d": 2.2}
    backbone = sized(protocol, published, gamma_w=0.33, gamma_d=0.5)
    head = {"type": "X3DHead", **sized(protocol, {"in_channels": 432}, in_channels=144)}
    return recognizer_3d(classes, settings, backbone, head, mean=KINETICS_MEAN, std=KINETICS_STD)


def backbone_pretraining(protocol: Protocol, settings: Settings) -> str:
    """Name and hash of the backbone's weights; ``none`` for random ones.

    Raises:
        UserError: for a file that does not exist.
    """
    weights = settings["pretrained"]
    if weights is None or (weights == synmg_tiny.SLIM_NAME and protocol.size != "quick"):
        return "none"
    path = synmg_tiny.slim_path() if weights == synmg_tiny.SLIM_NAME else Path(str(weights))
    if not path.is_file():
        raise UserError(f"no weights at {path}; the setting 'pretrained' takes an existing file")
    name = synmg_tiny.SLIM_NAME if weights == synmg_tiny.SLIM_NAME else path.name
    return f"{name}@{synmg_tiny.sha256(path)[:12]}"


def require(protocol: Protocol, field: str, name: str, multiple_of: int = 1, *, least: int = 1, most: int = 0) -> None:
    """Refuses a number of frames or an image size that a network cannot take.

    Args:
        protocol: the protocol to check.
        field: ``num_frames`` or ``image_size``.
        name: the network's name, for the message.
        multiple_of: divisor of all valid values.
        least: smallest value.
        most: largest value; 0: there is none.

    Raises:
        UserError: naming the valid values.
    """
    value = getattr(protocol, field)
    if value % multiple_of or value < least or (most and value > most):
        steps = f"multiples of {multiple_of}" if multiple_of > 1 else "values"
        limit = f"from {least} to {most}" if most else f"from {least} on"
        raise UserError(f"{field} is {value}, but {name} takes {steps} {limit}")


def _head(classes: Classes, settings: Settings, head: Mapping[str, Any]) -> dict[str, Any]:
    common = {"num_classes": classes.count, "dropout_ratio": settings["dropout"], "average_clips": "prob"}
    return {**common, **head}
