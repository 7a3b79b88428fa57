"""The one import that registers everything of ours with MMAction2 (``custom_imports`` of the configs)."""

import fgsgl.util.cured_stack

import fgsgl.mmaction.registration  # noqa: F401
