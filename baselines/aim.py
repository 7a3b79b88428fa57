"""AIM: a frozen visual tower with adapters for time, space and both (Yang et al. ICLR 2023, arXiv 2302.03024).

The paper's bottleneck of a quarter of the width. Differences: see :mod:`fgsgl.models.baselines.adapters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fgsgl.methods.method import Classes, Method
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
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
