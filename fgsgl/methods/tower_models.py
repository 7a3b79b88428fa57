"""Configs of recognizers on the vision-language tower, shared by FG-SGL and the files of ``baselines/``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fgsgl.methods.method import BuildModel, Classes, ModelConfig, Settings
from fgsgl.methods.mmaction_models import backbone_pretraining
from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.shape import require_whole_patches
from fgsgl.models.towers.weights_facts import Channels, Facts, activation, facts_of
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

OF_DRAWINGS = "synmg-"
"""How the names of weights begin that have seen SynMG's figures."""
TINY_WIDTH = 128
"""Width of the tiny tower's tokens."""
CLIP_MEAN, CLIP_STD = (122.771, 116.746, 104.094), (68.501, 66.632, 70.323)
"""Channel statistics of OpenAI's CLIP, in 0..255; the tiny tower has the same."""


def drawn_weights_note(dataset: str, pretrainings: Iterable[str]) -> str:
    """A sentence on weights that have seen drawn figures alone, where the data are of people; else empty.

    Args:
        dataset: its name.
        pretrainings: names of weights, as :attr:`fgsgl.methods.method.Method.pretraining` gives them.
    """
    drawn = sorted({name.split("@")[0] for name in pretrainings if name.startswith(OF_DRAWINGS)})
    if dataset == "synmg" or not drawn:
        return ""
    return (
        f"The weights {' and '.join(drawn)} have seen drawn figures alone: what starts from them says little about "
        "methods on videos of people. Take weights of photographs, such as CLIP's (--backbone and --pretrained; see "
        "docs/weights.md)."
    )


def _use(facts: Facts) -> str:
    """The activation of weights and, where they differ from CLIP's, the channel statistics of their pixels."""
    shown = [f"{name} {' '.join(f'{one:g}' for one in values)}" for name, values in _pixels(facts)]
    return ", ".join([activation(facts), *shown])


def _pixels(facts: Facts) -> Iterator[tuple[str, Channels]]:
    for name, values, clip in (("mean", facts.mean, CLIP_MEAN), ("std", facts.std, CLIP_STD)):
        if values is not None and any(abs(255 * one - other) > 0.01 for one, other in zip(values, clip, strict=True)):
            yield name, values


def tower_settings(protocol: Protocol, classes: Classes) -> dict[str, Any]:
    """Arguments of every recognizer on the protocol's tower; see :mod:`fgsgl.models.towers.recognizer`.

    Raises:
        UserError: for frames that are no whole number of the tower's patches.
    """
    require_whole_patches(protocol.backbone, protocol.image_size)
    return {
        "data_preprocessor": {"mean": CLIP_MEAN, "std": CLIP_STD},
        "num_classes": classes.count,
        "tower": protocol.backbone,
        "pretrained": protocol.pretrained,
        "image_size": protocol.image_size,
        "num_frames": protocol.num_frames,
        "label_smoothing": protocol.label_smoothing,
        **unseen_setting(classes),
    }


def unseen_setting(classes: Classes) -> dict[str, Any]:
    """The argument that names the unseen classes to a recognizer on a tower; nothing where there is none."""
    return {"unseen": list(classes.unseen)} if classes.unseen else {}


def frozen_model(head: str) -> BuildModel:
    """The config of a :class:`fgsgl.models.baselines.frozen_tower.FrozenTower`.

    Args:
        head: ``linear``, ``names`` or ``descriptions``.
    """

    def model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
        return {"type": "FrozenTower", **tower_settings(protocol, classes), "text": classes.text, "head": head}

    return model


def tower_pretraining(protocol: Protocol, settings: Settings) -> str:
    """Name of the protocol's tower; if its weights are a file, with a hash, and how they want to be used.

    Raises:
        UserError: for a file that does not exist, or of which nothing tells the activation that it was trained with.
    """
    path = Path(protocol.pretrained)
    if protocol.pretrained in (synmg_tiny.NAME, synmg_tiny.MOTION_NAME):
        name = protocol.backbone if protocol.pretrained == synmg_tiny.NAME else f"{protocol.backbone}:{path}"
        return f"{name}@{synmg_tiny.sha256(synmg_tiny.weights_path(protocol.pretrained))[:12]}"
    if path.is_file():
        use = _use(facts_of(protocol.backbone, path))
        return f"{protocol.backbone}:{path.name}@{synmg_tiny.sha256(path)[:12]} ({use})"
    if path.suffix or len(path.parts) > 1:
        raise UserError(f"no weights at {path}; --pretrained takes an existing file, or a tag of {protocol.backbone}")
    return f"{protocol.backbone}:{protocol.pretrained}"


def start_of_transformer(protocol: Protocol, settings: Settings) -> str | None:
    """The tower's weights that a video transformer of the size ``quick`` starts from; None: it starts from others.

    ``pretrained=synmg-tiny``, the default, means the protocol's weights where its backbone is ``synmg-tiny``.
    """
    if protocol.size != "quick" or settings["pretrained"] != synmg_tiny.NAME:
        return None
    return protocol.pretrained if protocol.backbone == synmg_tiny.NAME else synmg_tiny.NAME


def transformer_pretraining(protocol: Protocol, settings: Settings) -> str:
    """Name and hash of the weights that a video transformer starts from; ``none`` for random ones."""
    if tower := start_of_transformer(protocol, settings):
        return tower_pretraining(replace(protocol, backbone=synmg_tiny.NAME, pretrained=tower), settings)
    return "none" if settings["pretrained"] == synmg_tiny.NAME else backbone_pretraining(protocol, settings)
