"""2s-AGCN: adaptive graphs on joints and on bones; averages both scores (Shi et al. 2019, arXiv 1805.07694)."""

from __future__ import annotations

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.skeleton_models import gcn_model
from fgsgl.records.protocol import Protocol

_stream = gcn_model("TwoStreamGCN", {"type": "AAGCN", "gcn_attention": False, "num_person": 1}, "spatial")


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    config = _stream(protocol, classes, settings)
    return {**config, "layout": config["data_preprocessor"]["layout"]}


METHOD = Method(
    name="agcn",
    display_name="2s-AGCN",
    paper="Shi et al. 2019, arXiv 1805.07694",
    modality="skeleton",
    settings={"dropout": 0.0},
    recipe=RECIPES["skeleton"],
    model=_model,
)
