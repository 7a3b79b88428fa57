"""Registers our models, data sets, samplers, preprocessors and hooks with MMAction2; ``custom_imports`` of configs."""

import fgsgl.util.cured_stack

import fgsgl.mmaction.registration  # noqa: F401
