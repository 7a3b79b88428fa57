"""TIN: channels shifted in time by learned distances (Shao et al. 2020, arXiv 2001.06499)."""

from __future__ import annotations

from fgsgl.methods.method import Method

METHOD = Method(
    name="tin",
    display_name="TIN",
    paper="Shao et al. 2020, arXiv 2001.06499",
    unavailable="needs mmcv.ops.tin_shift, a compiled operator that mmcv-lite does not have",
)
