"""Label embedding: TSM whose features also regress the text embedding of the label (Li et al. 2023, arXiv 2307.10624).

The loss of the winners of the 2023 MiGA challenge. They used it on skeletons (PoseC3D); here it is on frames, with
TSM's network. Other differences: see :class:`fgsgl.models.baselines.label_embedding.LabelEmbeddingHead`.
"""

from __future__ import annotations

from fgsgl.methods.label_embedding_models import SETTINGS, embedding_model, embedding_pretraining
from fgsgl.methods.method import Method
from fgsgl.methods.recipes import RECIPES

METHOD = Method(
    name="label_embedding",
    display_name="TSM + label embedding",
    paper="Li et al. 2023, arXiv 2307.10624 (on TSM)",
    settings=SETTINGS,
    recipe=RECIPES["pretrained cnn"],
    model=embedding_model("resnet50.tv_in1k", squeeze=False),
    reads_text=True,
    pretraining=embedding_pretraining("resnet50.tv_in1k"),
)
