"""The one import that registers everything of ours with MMAction2 (``custom_imports`` of the configs)."""

from fgsgl import compat

compat.apply()

from fgsgl.bench import hooks  # noqa: E402
from fgsgl.data import mm, mm_skeleton, sampler  # noqa: E402
from fgsgl.models import (  # noqa: E402
    autocast,
    calibrate_hook,
    frozen,
    preprocess,
    recognizer,
    skeleton,
    skeleton_preprocess,
    slim_resnet,
)

__all__ = [
    "autocast",
    "calibrate_hook",
    "frozen",
    "hooks",
    "mm",
    "mm_skeleton",
    "preprocess",
    "recognizer",
    "sampler",
    "skeleton",
    "skeleton_preprocess",
    "slim_resnet",
]
