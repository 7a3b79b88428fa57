"""ST-Adapter: a frozen visual tower with convolutional adapters (Pan et al. NeurIPS 2022, arXiv 2206.13559).

The bottleneck has half the width and the kernel spans three frames, as in the paper. For differences see
:mod:`fgsgl.models.baselines.adapters` and :class:`fgsgl.models.baselines.adapters.STAdapterBlock`.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {"type": "STAdapter", **tower_settings(protocol, classes), **settings}


METHOD = Method(
    name="st_adapter",
    display_name="ST-Adapter",
    paper="Pan et al. NeurIPS 2022, arXiv 2206.13559",
    settings={"share": 0.5, "kernel": [3, 1, 1]},
    recipe=RECIPES["peft"],
    model=_model,
    pretraining=tower_pretraining,
)
