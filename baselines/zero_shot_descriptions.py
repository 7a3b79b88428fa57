"""Zero-shot recognition by FG-Text's sentences (Menon and Vondrick 2022, arXiv 2210.07183): nothing is trained."""

from __future__ import annotations

from fgsgl.methods.method import Method, by_text
from fgsgl.methods.tower_models import frozen_model, tower_pretraining

METHOD = Method(
    name="zero_shot_descriptions",
    display_name="Zero-shot, descriptions",
    paper="Menon and Vondrick 2022, arXiv 2210.07183 (with FG-Text as the descriptions)",
    model=frozen_model("descriptions"),
    reads_text=True,
    text_scores=by_text,
    pretraining=tower_pretraining,
)
