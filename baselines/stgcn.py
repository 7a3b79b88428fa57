"""ST-GCN: graph convolutions over joints, convolutions over time (Yan et al. 2018, arXiv 1801.07455)."""

from __future__ import annotations

from fgsgl.methods.method import Method
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.skeleton_models import gcn_model

METHOD = Method(
    name="stgcn",
    display_name="ST-GCN",
    paper="Yan et al. 2018, arXiv 1801.07455",
    modality="skeleton",
    settings={"dropout": 0.0},
    recipe=RECIPES["skeleton"],
    model=gcn_model("AutocastRecognizerGCN", {"type": "STGCN"}, "stgcn_spatial"),
)
