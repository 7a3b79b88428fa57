"""X-CLIP: messages between frames, and text that the video adds to (Ni et al. ECCV 2022, arXiv 2208.02816).

Differences: see :class:`fgsgl.models.xclip.XCLIP` and :class:`fgsgl.models.video_blocks.CrossFrameBlock`.
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
    return {"type": "XCLIP", **tower_settings(protocol, classes), "text": classes.text, **settings}


METHOD = Method(
    name="xclip",
    display_name="X-CLIP",
    paper="Ni et al. ECCV 2022, arXiv 2208.02816",
    settings={"layers": 1, "prompt_layers": 2},
    recipe=RECIPES["pretrained vit"],
    model=_model,
    reads_text=True,
    pretraining=tower_pretraining,
)
