"""The one import that registers everything of ours with MMAction2 (``custom_imports`` of the configs)."""

from importlib import import_module

from fgsgl import compat

compat.apply()

MODULES = (
    "bench.hooks",
    "data.mm",
    "data.mm_skeleton",
    "data.sampler",
    "models.adapted",
    "models.autocast",
    "models.calibrate_hook",
    "models.frozen",
    "models.label_embedding",
    "models.parts",
    "models.preprocess",
    "models.recognizer",
    "models.skeleton",
    "models.skeleton_preprocess",
    "models.slim_resnet",
    "models.tuned",
    "models.xclip",
)
for _name in MODULES:
    import_module(f"fgsgl.{_name}")
