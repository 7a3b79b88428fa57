"""The one import that registers everything of ours with MMAction2 (``custom_imports`` of the configs)."""

from fgsgl import compat

compat.apply()

from fgsgl.bench import hooks  # noqa: E402
from fgsgl.data import mm, sampler  # noqa: E402
from fgsgl.models import (  # noqa: E402
    adapted,
    autocast,
    calibrate_hook,
    frozen,
    label_embedding,
    preprocess,
    recognizer,
    slim_resnet,
    tuned,
    xclip,
)

__all__ = [
    "adapted",
    "autocast",
    "calibrate_hook",
    "frozen",
    "hooks",
    "label_embedding",
    "mm",
    "preprocess",
    "recognizer",
    "sampler",
    "slim_resnet",
    "tuned",
    "xclip",
]
