"""Linear probe: a linear classifier on the embeddings of the frozen tower (Radford et al. 2021, arXiv 2103.00020)."""

from __future__ import annotations

from fgsgl.methods.method import Method
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.tower_models import frozen_model, tower_pretraining

METHOD = Method(
    name="linear_probe",
    display_name="Linear probe",
    paper="Radford et al. 2021, arXiv 2103.00020",
    recipe=RECIPES["probe"],
    model=frozen_model("linear"),
    pretraining=tower_pretraining,
)
