"""MANet: TSM with squeeze-and-excitation and a joint-embedding loss (Guo et al. 2024, arXiv 2403.05234).

The published network is a ResNet-50. Here it is timm's with squeeze-and-excitation, pretrained with it; at the quick
size it is our slim ResNet, which was pretrained without. Other differences: see
:class:`fgsgl.models.baselines.label_embedding.LabelEmbeddingHead`.
"""

from __future__ import annotations

from fgsgl.methods.label_embedding_models import SETTINGS, embedding_model, embedding_pretraining
from fgsgl.methods.method import Method
from fgsgl.methods.recipes import RECIPES

METHOD = Method(
    name="manet",
    display_name="MANet",
    paper="Guo et al. 2024, arXiv 2403.05234",
    settings=SETTINGS,
    recipe=RECIPES["pretrained cnn"],
    model=embedding_model("seresnet50.ra2_in1k", squeeze=True),
    reads_text=True,
    pretraining=embedding_pretraining("seresnet50.ra2_in1k"),
)
