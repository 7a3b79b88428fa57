"""Logging services that MMEngine can write to beside TensorBoard. Imports none of them."""

from __future__ import annotations

import importlib.util
from typing import Literal

from fgsgl.util.errors import UserError

Visualizer = Literal["wandb", "mlflow", "clearml", "neptune", "dvclive", "aim"]
"""Name of a service's package."""
VISUALIZERS: dict[str, str] = {
    "wandb": "WandbVisBackend",
    "mlflow": "MLflowVisBackend",
    "clearml": "ClearMLVisBackend",
    "neptune": "NeptuneVisBackend",
    "dvclive": "DVCLiveVisBackend",
    "aim": "AimVisBackend",
}
"""MMEngine's class for each service."""


def require_visualizer(name: Visualizer | None) -> None:
    """Refuses a service whose package is not installed.

    Raises:
        UserError: saying how to install it.
    """
    if name is not None and importlib.util.find_spec(name) is None:
        raise UserError(f"--visualizer {name} needs the package {name}: pip install {name}")
