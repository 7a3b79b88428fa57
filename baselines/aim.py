"""AIM: a frozen visual tower with adapters for time, space and both (Yang et al. ICLR 2023, arXiv 2302.03024).

The bottleneck has a quarter of the width, as in the paper. For differences see
:mod:`fgsgl.models.baselines.adapters`.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {"type": "AIM", **tower_settings(protocol, classes), **settings}


METHOD = Method(
    name="aim",
    display_name="AIM",
    paper="Yang et al. ICLR 2023, arXiv 2302.03024",
    settings={"share": 0.25},
    recipe=RECIPES["peft"],
    model=_model,
    pretraining=tower_pretraining,
)
