"""The data sets, one file each, found by scanning this folder.

A file offers ``PRESETS`` (names, the default first), ``PROTOCOL`` (preset -> fields of
:class:`fgsgl.records.protocol.Protocol` that it sets), and four functions:
``root(base, preset, seed) -> Path``, where it lies by default below a base folder,
``load(root, preset, seed, workers, progress) -> ClipTable``,
``official(root, preset) -> counts``, for :func:`fgsgl.data.datasets._release.deviations`, and
``text(root) -> str``, its FG-Text: a shipped one's name, or a file. One that is generated offers ``planned(root,
preset, seed) -> ClipTable``, its table before anything is made. One that knows where the gesture is may offer
``motion_mask(root, clip, frames) -> mask_THW``, one whose classes form groups ``groups() -> group_C``. One with
skeletons offers ``skeleton(root, clip) -> joints_TJ3``, NaN where a joint was not found, ``LAYOUT``, a name of
:data:`fgsgl.data.skeletons.LAYOUTS`, and, where a board must say something of them, ``SKELETON_CAVEATS``. One with a
challenge offers ``SUBMISSION`` (the archive's name), ``SUBMISSION_CLIPS`` (how many it has) and
``submission(clip_ids, scores_NC) -> bytes``; if the challenge hides the labels, also ``hidden(root) -> ClipTable``, its
clips, all with label 0 in the split ``test``.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from fgsgl.util.errors import UserError, nearest


def names() -> tuple[str, ...]:
    """Every data set that can be named on a command line."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def get(name: str, preset: str | None = None) -> ModuleType:
    """The data set's module.

    Raises:
        UserError: for an unknown data set, or one of its presets that is unknown.
    """
    if name not in names():
        raise UserError(f"unknown data set {name!r}; {nearest(name, names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    if preset is not None and preset not in module.PRESETS:
        raise UserError(f"unknown preset {preset!r} of {name}; {nearest(preset, module.PRESETS)}")
    return module
