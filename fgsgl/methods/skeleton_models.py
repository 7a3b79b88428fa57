"""Configs of MMAction2's graph networks on skeletons, in two sizes, shared by the files of ``baselines/``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fgsgl.data.skeletons import LAYOUTS, layout_name
from fgsgl.methods.method import BuildModel, Classes, ModelConfig, Settings
from fgsgl.records.protocol import Protocol

SIZES: dict[str, dict[str, Any]] = {
    "quick": {"base_channels": 32, "num_stages": 5, "inflate_stages": [3, 5], "down_stages": [3, 5]},
    "standard": {"base_channels": 64, "num_stages": 10, "inflate_stages": [5, 8], "down_stages": [5, 8]},
}
"""Channels double and frames halve at the named stages. ``standard`` is the published network."""


def gcn_model(recognizer: str, backbone: Mapping[str, Any], mode: str) -> BuildModel:
    """The config of one of MMAction2's graph networks on the data set's skeletons.

    Args:
        recognizer: ``AutocastRecognizerGCN`` or ``TwoStreamGCN``.
        backbone: its type and the settings in which the methods differ.
        mode: partition of the graph's edges, a method of MMAction2's ``Graph``.
    """

    def model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
        layout, size = layout_name(protocol.dataset, protocol.preset), SIZES[protocol.size]
        return {
            "type": recognizer,
            "data_preprocessor": {"layout": layout},
            "backbone": {**backbone, **size, "graph_cfg": {"layout": LAYOUTS[layout].graph, "mode": mode}},
            "cls_head": {
                "type": "GCNHead",
                "num_classes": classes.count,
                "in_channels": 4 * size["base_channels"],
                "dropout": settings["dropout"],
            },
        }

    return model
