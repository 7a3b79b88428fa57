"""ViFi-CLIP (Rasheed et al. CVPR 2023, arXiv 2212.03640) with both towers tuned by LoRA (arXiv 2106.09685).

The combination is ours; rank, scale and targets are FG-SGL's defaults.
"""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings, by_text
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import tower_pretraining, tower_settings
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {"type": "ViFiCLIP", **tower_settings(protocol, classes), "text": classes.text, "tuned": "lora", **settings}


METHOD = Method(
    name="vificlip_lora",
    display_name="ViFi-CLIP (LoRA)",
    paper="Rasheed et al. CVPR 2023, arXiv 2212.03640 (with LoRA, arXiv 2106.09685)",
    settings={"lora_rank": 8, "lora_alpha": 16.0, "lora_targets": ["q", "k", "v", "o", "mlp"]},
    recipe=RECIPES["peft"],
    model=_model,
    reads_text=True,
    text_scores=by_text,
    pretraining=tower_pretraining,
)
