"""ViFi-CLIP: both towers fully tuned, frames averaged (Rasheed et al. CVPR 2023, arXiv 2212.03640).

For differences see :class:`fgsgl.models.baselines.tuned_tower.ViFiCLIP`.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings, by_text
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {"type": "ViFiCLIP", **tower_settings(protocol, classes), "text": classes.text, "tuned": "full"}


METHOD = Method(
    name="vificlip",
    display_name="ViFi-CLIP",
    paper="Rasheed et al. CVPR 2023, arXiv 2212.03640",
    recipe=RECIPES["pretrained vit"],
    model=_model,
    reads_text=True,
    text_scores=by_text,
    pretraining=tower_pretraining,
)
