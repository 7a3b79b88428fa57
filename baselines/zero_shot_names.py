"""Zero-shot recognition by class names (CLIP, Radford et al. 2021, arXiv 2103.00020): nothing is trained."""

from __future__ import annotations

from baselines.linear_probe import frozen_model
from fgsgl.bench.fgsgl import tower_pretraining
from fgsgl.bench.method import Method

METHOD = Method(
    name="zero_shot_names",
    display_name="Zero-shot, class names",
    paper="Radford et al. 2021, arXiv 2103.00020",
    model=frozen_model("names"),
    reads_text=True,
    pretraining=tower_pretraining,
)
