"""Recognizers built from configs that somebody else may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

from mmaction.registry import MODELS
from mmengine.model import BaseModel

from fgsgl.util.errors import UserError


def build_recognizer(config: Mapping[str, Any], method: str) -> BaseModel:
    """The recognizer of a method.

    Args:
        config: of the model, with its ``autocast``.
        method: name of the method, for a message.

    Raises:
        UserError: for a type that nobody has registered, or an argument that it does not take.
    """
    try:
        return MODELS.build(dict(config))
    except (KeyError, TypeError) as error:
        said = " ".join(str(error.args[0] if error.args else error).split())[:300]
        raise UserError(
            f"the model of {method} cannot be built: {said}; in place of MMAction2's Recognizer2D and Recognizer3D the "
            "suite has AutocastRecognizer2D and AutocastRecognizer3D, and every recognizer takes `autocast`"
        ) from error
