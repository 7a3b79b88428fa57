"""ir-CSN: interaction-reduced channel-separated convolutions on ResNet-152 (Tran et al. 2019, arXiv 1904.02811)."""

from __future__ import annotations

from fgsgl.baselines.csn_ip import csn_method

METHOD = csn_method("csn_ir", "ir-CSN", "ir")
