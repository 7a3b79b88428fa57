"""Executors: where the processes of cells run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fgsgl.running.executors.base import Executor
from fgsgl.running.executors.local import Local

if TYPE_CHECKING:
    from fgsgl.running.execution import Place


def executor_of(place: Place) -> Executor:
    """The executor that a place names.

    Raises:
        UserError: where it needs a package that is not installed, or cannot be reached.
    """
    if place.execution.executor == "ray":
        from fgsgl.running.executors.ray import RayExecutor

        return RayExecutor(place)
    return Local(place.jobs, place.gpus)
