"""Text4Vis: frozen text embeddings as the classifier of a tuned visual tower (Wu et al. AAAI 2023, arXiv 2207.01297).

As in the paper, the visual tower is tuned, the text tower is frozen, and frames are averaged ("TAP"). ``layers=6``
selects the paper's transformer over the frames instead. For differences see
:class:`fgsgl.models.baselines.tuned_tower.Text4Vis`.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings, by_text
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {"type": "Text4Vis", **tower_settings(protocol, classes), "text": classes.text, **settings}


METHOD = Method(
    name="text4vis",
    display_name="Text4Vis",
    paper="Wu et al. AAAI 2023, arXiv 2207.01297",
    settings={"layers": 0},
    recipe=RECIPES["pretrained vit"],
    model=_model,
    reads_text=True,
    text_scores=by_text,
    pretraining=tower_pretraining,
)
