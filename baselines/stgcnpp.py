"""ST-GCN++: a learned graph, convolutions over time at several scales (Duan et al. 2022, arXiv 2205.09443)."""

from __future__ import annotations

from fgsgl.methods.method import Method
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.skeleton_models import gcn_model

BACKBONE = {"type": "STGCN", "gcn_adaptive": "init", "gcn_with_res": True, "tcn_type": "mstcn"}

METHOD = Method(
    name="stgcnpp",
    display_name="ST-GCN++",
    paper="Duan et al. 2022, arXiv 2205.09443",
    modality="skeleton",
    settings={"dropout": 0.0},
    recipe=RECIPES["skeleton"],
    model=gcn_model("AutocastRecognizerGCN", BACKBONE, "spatial"),
)
