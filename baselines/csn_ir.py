"""ir-CSN: interaction-reduced channel-separated convolutions on ResNet-152 (Tran et al. 2019, arXiv 1904.02811)."""

from __future__ import annotations

from fgsgl.methods.method import Method
from fgsgl.methods.mmaction_models import backbone_pretraining, csn_model
from fgsgl.methods.recipes import RECIPES

METHOD = Method(
    name="csn_ir",
    display_name="ir-CSN",
    paper="Tran et al. 2019, arXiv 1904.02811",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch cnn"],
    model=csn_model("ir"),
    pretraining=backbone_pretraining,
)
