"""The one import that registers everything of ours with MMAction2 (``custom_imports`` of the configs)."""

from fgsgl import compat

compat.apply()

from fgsgl.bench import hooks  # noqa: E402
from fgsgl.data import mm, sampler  # noqa: E402
from fgsgl.models import autocast, calibrate_hook, frozen, preprocess, recognizer, slim_resnet  # noqa: E402

__all__ = ["autocast", "calibrate_hook", "frozen", "hooks", "mm", "preprocess", "recognizer", "sampler", "slim_resnet"]
