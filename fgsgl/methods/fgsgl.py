"""FG-SGL as a method. Its settings come from :class:`fgsgl.models.fgsgl.config.FGSGLConfig`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.search_space import Param
from fgsgl.methods.tower_models import CLIP_MEAN, CLIP_STD, tower_pretraining, unseen_setting
from fgsgl.models.fgsgl.config import CHOICES, EARLIER, FGSGLConfig
from fgsgl.models.towers.shape import require_block, require_whole_patches
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

FROM_PROTOCOL = ("num_classes", "unseen", "text", "image_size", "num_frames", "tower", "pretrained", "autocast")
"""Settings that the protocol, the data set or the machine decides, so that no variant changes them."""


def _default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    if settings["text_draw"] == "cell" and settings["text_seed"]:
        raise UserError(
            f"FG-SGL's setting text_seed={settings['text_seed']} is not read with text_draw=cell, which draws text by "
            "the cell's own seed; leave one of the two out"
        )
    config = {
        "num_classes": classes.count,
        **unseen_setting(classes),
        "text": classes.text,
        "image_size": protocol.image_size,
        "num_frames": protocol.num_frames,
        "tower": protocol.backbone,
        "pretrained": protocol.pretrained,
        **settings,
        "label_smoothing": settings["label_smoothing"] or protocol.label_smoothing,
    }
    checked = FGSGLConfig.from_dict(config)  # settings that exclude each other are refused before anything is trained
    require_whole_patches(checked.tower, checked.image_size)
    require_block(checked.tower, checked.tap)
    return {"type": "FGSGL", "data_preprocessor": {"mean": CLIP_MEAN, "std": CLIP_STD}, **config}


def _config(settings: Settings) -> FGSGLConfig:
    """The settings, for what does not depend on how many classes there are."""
    return FGSGLConfig.from_dict({"num_classes": 2, **settings})


def _text_scores(settings: Settings) -> tuple[str, ...]:
    return _config(settings).text_scores


def _rows(settings: Settings) -> bool:
    return _config(settings).has_linear_head


def _implied(changes: Settings) -> Settings:
    """A text control is drawn for each seed by itself, unless a variant says otherwise: a text seed is one draw."""
    drawn = changes.get("text_control") in ("shuffled", "random") and "text_seed" not in changes
    return {"text_draw": "cell"} if drawn else {}


_LEVELS = (
    Param(name="fgsa", choices=(True, False), help="fine-grained alignment"),
    Param(
        name="fine level", choices={"on": {}, "off": {"loss_fine": 0.0}}, when={"fgsa": True},
        help="FG-SA's loss and score; off: its module and gate alone",
    ),
    Param(name="loss_fine", low=0.1, high=10.0, log=True, when={"fine level": "on"}, help="weight of the fine level"),
    Param(
        name="loss_category", low=0.1, high=10.0, log=True, when={"fine level": "on"},
        help="weight of the category level",
    ),
    Param(
        name="schedule", choices=CHOICES["schedule"], when={"fine level": "on"},
        help="how the levels' weights move over the training",
    ),
)  # fmt: skip
_COMPONENTS = (
    *_LEVELS,
    Param(
        name="guidance", choices=(True, False), when={"fine level": "on"},
        help="local features join the video embedding, through gates",
    ),
    Param(name="motion_difference", choices=(True, False), when={"fgsa": True}, help="FG-SA reads frame differences"),
    Param(name="cpa", choices=(True, False), help="category prompts; else a linear head"),
    Param(name="learned_prompts", choices=(True, False), when={"cpa": True}, help="learned context before the names"),
)  # fmt: skip
_LOSSES = (
    *_LEVELS[1:],
    Param(
        name="fine directions", choices={"both": {}, "v2t": {"fine_t2v": False}, "t2v": {"fine_v2t": False}},
        when={"fine level": "on"}, help="the fine loss from video to text, from text to video",
    ),
    Param(
        name="multi_positive", choices=(True, False), when={"fine level": "on"},
        help="classes that share a sentence are positives",
    ),
    Param(
        name="fine_at_test", choices=(True, False), when={"fine level": "on"}, help="the fine score counts"
    ),
    Param(name="label_smoothing", low=0.0, high=0.2, help="of the category level"),
    Param(name="temperature", low=0.02, high=0.2, log=True, when={"cpa": True}, help="of both levels, at the start"),
)  # fmt: skip
"""No space leaves the category level out: its ablation shows what that level is worth."""

METHOD = Method(
    name="fgsgl",
    display_name="FG-SGL",
    paper="Wei et al. 2026, arXiv 2603.16269 (reconstruction)",
    settings={field.name: _default(field.default) for field in fields(FGSGLConfig) if field.name not in FROM_PROTOCOL},
    later={field.name: field.metadata[EARLIER] for field in fields(FGSGLConfig) if EARLIER in field.metadata},
    implied=_implied,
    spaces={"components": _COMPONENTS, "losses": _LOSSES},
    recipe=RECIPES["peft"],
    model=_model,
    reads_text=True,
    text_scores=_text_scores,
    rows=_rows,
    hooks=({"type": "ProgressHook"}, {"type": "CalibrateHook"}),
    pretraining=tower_pretraining,
)
