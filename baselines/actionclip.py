"""ActionCLIP: contrasts the clips of a batch with templates of their labels (Wang et al. 2021, arXiv 2109.08472).

The transformer over the frames has six layers at the standard size, as in the paper, and two at the quick size.
For differences to the paper see :class:`fgsgl.models.baselines.tuned_tower.ActionCLIP`.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings, by_text
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol

LAYERS = {"quick": 2, "standard": 6}


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {
        "type": "ActionCLIP",
        **tower_settings(protocol, classes),
        "text": classes.text,
        "layers": LAYERS[protocol.size],
    }


METHOD = Method(
    name="actionclip",
    display_name="ActionCLIP",
    paper="Wang et al. 2021, arXiv 2109.08472",
    recipe=RECIPES["pretrained vit"],
    model=_model,
    reads_text=True,
    text_scores=by_text,
    pretraining=tower_pretraining,
)
