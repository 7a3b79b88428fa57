"""X3D-S: a small network grown axis by axis (Feichtenhofer 2020, arXiv 2004.04730), published for 13 frames, 160 px."""

from __future__ import annotations

from fgsgl.methods.method import Method
from fgsgl.methods.mmaction_models import backbone_pretraining, x3d_model
from fgsgl.methods.recipes import RECIPES

METHOD = Method(
    name="x3d_s",
    display_name="X3D-S",
    paper="Feichtenhofer 2020, arXiv 2004.04730",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch cnn"],
    model=x3d_model,
    pretraining=backbone_pretraining,
)
