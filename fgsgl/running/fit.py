"""Checks before anything is rendered or trained: every method can be built under its protocol, from its weights."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path

from fgsgl.data.data_spec import DataSpec
from fgsgl.data.joined_table import require_same_classes
from fgsgl.methods.cell import Variant
from fgsgl.methods.method import Classes, ModelConfig
from fgsgl.methods.registry import get
from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.backbones import require_backbone
from fgsgl.models.towers.weights_facts import facts_of
from fgsgl.records.find import row_names
from fgsgl.records.protocol import Protocol
from fgsgl.text.fgtext import load, shipped
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError


def require_text(methods: Collection[str], data: DataSpec) -> None:
    """Refuses methods that read FG-Text where a table of one's own has none, with the command that writes a draft.

    Raises:
        UserError: naming the methods and the command.
    """
    reading = sorted({name for name in methods if get(name).reads_text})
    if reading and data.text not in shipped() and not Path(data.text).exists():
        raise UserError(
            f"no FG-Text at {data.text}, which {' and '.join(reading)} would read; write a draft by `fgsgl text new "
            f"{shlex.quote(str(data.root))} --from-names`, or take methods that need none (`fgsgl methods`)"
        )


def require_transferable(variants: Collection[Variant], protocol: Protocol, data: DataSpec) -> None:
    """Refuses a transfer between other classes for what knows its classes by the weights of a layer.

    Raises:
        UserError: naming the methods; for classes held out besides, as those of the test clips are unseen as it is; or
            for a search, which would score validation clips by classes that the transfer is not about.
    """
    if data.trained_on is None:
        return
    table = data.planned()
    if not table.tests_other_classes:
        return
    if protocol.scored_split != "test":
        raise UserError(
            f"a search scores validation clips, which are of {data.trained_on.dataset} here and have other classes "
            f"than {data.dataset}; search on {data.trained_on.dataset} alone, and run what is found with transfer"
        )
    if protocol.unseen:
        raise UserError(
            f"unseen is {protocol.unseen}, but {data.dataset} has other classes than {data.trained_on.dataset}, which "
            "is trained on: what is tested is unseen as it is; leave unseen out"
        )
    require_text([variant.method for variant in variants], data.trained_on)
    rows = [variant for variant in variants if get(variant.method).kind == "method"]
    by_layer = [variant for variant in rows if not get(variant.method).knows_by_text(variant.changes)]
    if by_layer:
        who = " and ".join(dict.fromkeys(row_names(one.method, "", one.name)[1] for one in by_layer))
        where = (one.where for one in (data.trained_on, data))
        require_same_classes(who, table.trained_classes, table.classes, *where)


def require_buildable(variants: Collection[Variant], protocol: Protocol, text: str) -> None:
    """Refuses a protocol or settings that a method cannot be built with. Imports torch only for weights from elsewhere.

    The backbone and its weights are checked for methods that use none, too: they stand in every record.

    Args:
        variants: the methods, and their settings.
        protocol: what they share.
        text: the data set's FG-Text.

    Raises:
        UserError: naming the backbone, the weights, the frames, the image size, the setting or the sentence.
    """
    require_backbone(protocol.backbone)
    sees_frames = reads_texts = False
    for variant in variants:
        method = get(variant.method)
        if method.model is None or method.unavailable:
            continue
        settings = method.resolve(variant.changes)
        classes = Classes(count=2, text=text)  # how many there are changes only the last layer
        config = build_config(
            method, variant.changes, protocol, 0, classes=classes, root=Path("data"), work_dir=Path("work")
        )["model"]
        sees_frames |= "tower" in config
        reads_texts |= "tower" in config.get("cls_head", {})
        if isinstance(weights := settings.get("pretrained"), str) and weights != synmg_tiny.SLIM_NAME:
            _build(config, method.name)
    _require_tower(protocol, sees_frames, reads_texts)
    if text not in shipped() and any(get(variant.method).reads_text for variant in variants):
        _require_sound_text(text, protocol.backbone)


def _require_tower(protocol: Protocol, sees_frames: bool, reads_texts: bool) -> None:
    """Refuses weights that do not fit the backbone, and where it sees frames, an image size that does not."""
    shipped = (protocol.backbone, protocol.pretrained) == (synmg_tiny.NAME, synmg_tiny.NAME)
    if shipped and (not sees_frames or protocol.image_size % synmg_tiny.PATCH_PX == 0):
        return
    path = Path(protocol.pretrained)
    if (sees_frames or reads_texts) and path.is_file():
        facts_of(protocol.backbone, path)  # asks for the activation before the imports that take seconds

    from fgsgl.models.towers.tower import build_tower
    from fgsgl.models.towers.weights import known
    from fgsgl.models.weights_file import read_weights

    if sees_frames or reads_texts:
        build_tower(protocol.backbone, protocol.pretrained, protocol.image_size if sees_frames else None)
    elif not known(protocol.backbone, protocol.pretrained):
        read_weights(Path(protocol.pretrained))


def _require_sound_text(text: str, backbone: str) -> None:
    """Refuses FG-Text that `fgsgl text check` finds faults in.

    Raises:
        UserError: naming the first one, with its line.
    """
    loaded = load(text)
    from fgsgl.models.towers.tower import load_tokenizer
    from fgsgl.text.lines import located_faults

    faults = located_faults(text, loaded, load_tokenizer(backbone))
    if faults:
        raise UserError(f"{faults[0]}; `fgsgl text check {shlex.quote(text)}` lists all {len(faults)} fault(s)")


def _build(config: ModelConfig, method: str) -> None:
    """Builds a recognizer, and reads its weights."""
    import fgsgl.util.cured_stack  # noqa: F401

    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from fgsgl.mmaction.build import build_recognizer

    init_default_scope("mmaction")
    MMLogger.get_current_instance().setLevel("ERROR")  # it lists every layer that is initialised
    build_recognizer({**config, "autocast": "none"}, method).init_weights()
