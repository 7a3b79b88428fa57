"""X3D-M: X3D-S's network (Feichtenhofer 2020, arXiv 2004.04730), published for 16 frames of 224 px.

X3D-S and X3D-M differ only in the clips they see. The protocol decides that: under one protocol they are one method.
"""

from __future__ import annotations

from fgsgl.methods.method import Method
from fgsgl.methods.mmaction_models import backbone_pretraining, x3d_model
from fgsgl.methods.recipes import RECIPES

METHOD = Method(
    name="x3d_m",
    display_name="X3D-M",
    paper="Feichtenhofer 2020, arXiv 2004.04730",
    settings={"pretrained": None, "dropout": 0.5},
    recipe=RECIPES["scratch cnn"],
    model=x3d_model,
    pretraining=backbone_pretraining,
)
