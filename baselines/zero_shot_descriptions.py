"""Zero-shot recognition by FG-Text's sentences (Menon and Vondrick 2022, arXiv 2210.07183): nothing is trained."""

from __future__ import annotations

from baselines.linear_probe import frozen_model
from fgsgl.bench.fgsgl import tower_pretraining
from fgsgl.bench.method import Method

METHOD = Method(
    name="zero_shot_descriptions",
    display_name="Zero-shot, descriptions",
    paper="Menon and Vondrick 2022, arXiv 2210.07183 (with FG-Text as the descriptions)",
    model=frozen_model("descriptions"),
    reads_text=True,
    pretraining=tower_pretraining,
)
