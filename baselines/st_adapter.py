"""ST-Adapter: a frozen visual tower with convolutional adapters (Pan et al. NeurIPS 2022, arXiv 2206.13559).

The paper's bottleneck of half the width, and its kernel over three frames. Differences: see
:mod:`fgsgl.models.adapted` and :class:`fgsgl.models.video_blocks.STAdapterBlock`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baselines.linear_probe import tower_settings
from fgsgl.bench.fgsgl import tower_pretraining
from fgsgl.bench.method import Classes, Method
from fgsgl.bench.protocol import Protocol
from fgsgl.bench.recipes import RECIPES


def _model(protocol: Protocol, classes: Classes, settings: Mapping[str, Any]) -> dict[str, Any]:
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
