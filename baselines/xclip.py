"""X-CLIP: messages between frames, and text prompts that depend on the video (Ni et al. ECCV 2022, arXiv 2208.02816).

For differences see :class:`fgsgl.models.baselines.xclip.XCLIP` and
:class:`fgsgl.models.baselines.adapters.CrossFrameBlock`.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings, by_text
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {"type": "XCLIP", **tower_settings(protocol, classes), "text": classes.text, **settings}


METHOD = Method(
    name="xclip",
    display_name="X-CLIP",
    paper="Ni et al. ECCV 2022, arXiv 2208.02816",
    settings={"layers": 1, "prompt_layers": 2},
    recipe=RECIPES["pretrained vit"],
    model=_model,
    reads_text=True,
    text_scores=by_text,
    pretraining=tower_pretraining,
)
