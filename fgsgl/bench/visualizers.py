"""Where a training is written beside TensorBoard: MMEngine's own backends, each for a package that the user installs.

Imports no torch.
"""

from __future__ import annotations

import importlib.util

from fgsgl.errors import UserError

VISUALIZERS = {
    "wandb": "WandbVisBackend",
    "mlflow": "MLflowVisBackend",
    "clearml": "ClearMLVisBackend",
    "neptune": "NeptuneVisBackend",
    "dvclive": "DVCLiveVisBackend",
    "aim": "AimVisBackend",
}
"""By the package's name, which is the option's."""


def require_visualizer(name: str | None) -> None:
    """Refuses one whose package is not installed.

    Raises:
        UserError: saying how to install it.
    """
    if name is not None and importlib.util.find_spec(name) is None:
        raise UserError(f"--visualizer {name} needs the package {name}: pip install {name}")
