"""Whether the sentences of a clip's class can be read out of what FG-SGL makes of the clip, dimension by dimension.

Shapes: N clips, C classes, D dimensions of FG-Text, E joint embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from fgsgl.stats.retrieval import first_hits
from fgsgl.text import embed, fgtext


def read_out(model: nn.Module, shown: Mapping[str, np.ndarray], labels_N: np.ndarray) -> dict[str, Any] | None:
    """R@1 of each dimension's sentences.

    Args:
        model: FG-SGL.
        shown: of the clips, whichever there are of ``fine_logits_BDC``, FG-SA's local embeddings against the sentences
            that they were trained with (a control's, where there was one), and ``video_BE``, what the category text is
            compared with, which is held against the true sentences.
        labels_N: the clips' classes.

    Returns:
        ``{"local": {dimension: see fgsgl.stats.retrieval.first_hits}, "video": {...}}``, either only where there is
        such an embedding and, for ``video``, a text tower that was not dropped; None where there is neither.
    """
    found = {}
    if "fine_logits_BDC" in shown:
        config = model.config
        text = fgtext.load_classes(config.text, config.num_classes)
        same_DCC = embed.positives_DCC(text, config.dimensions, config.text_control, config.text_seed).numpy()
        found["local"] = _hits(shown["fine_logits_BDC"], labels_N, same_DCC, config.dimensions)
    if "video_BE" in shown and model.tower.text is not None:
        text = fgtext.load_classes(model.config.text, model.config.num_classes)
        true_CDE = embed.fine_text_CDE(text, model.tower.encode_text).cpu().numpy()
        score_NDC = np.einsum("ne,cde->ndc", shown["video_BE"], true_CDE)
        found["video"] = _hits(score_NDC, labels_N, embed.positives_DCC(text).numpy(), fgtext.DIMENSIONS)
    return found or None


def _hits(
    score_NDC: np.ndarray, labels_N: np.ndarray, same_DCC: np.ndarray, dimensions: Sequence[str]
) -> dict[str, dict[str, float]]:
    return {name: first_hits(score_NDC[:, d], labels_N, same_DCC[d]) for d, name in enumerate(dimensions)}
