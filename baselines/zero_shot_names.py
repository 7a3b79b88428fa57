"""Zero-shot recognition by class names (CLIP, Radford et al. 2021, arXiv 2103.00020): nothing is trained."""

from __future__ import annotations

from fgsgl.methods.method import Method, by_text
from fgsgl.methods.tower_models import frozen_model, tower_pretraining

METHOD = Method(
    name="zero_shot_names",
    display_name="Zero-shot, class names",
    paper="Radford et al. 2021, arXiv 2103.00020",
    model=frozen_model("names"),
    reads_text=True,
    text_scores=by_text,
    pretraining=tower_pretraining,
)
