"""Names of backbones: open_clip's models and the one that this package brings along.

Imports neither torch nor open_clip. That also takes ``hf-hub:`` and ``local-dir:``, which load whatever a hub or a
folder holds under that name today. They are refused: a backbone is known by its name, its weights by their content.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from fgsgl.models.towers import synmg_tiny
from fgsgl.util.errors import UserError, nearest

QUICK_GELU, GELU = "-quickgelu", "-gelu"
"""Ends of a backbone's name that tell the activation of its weights. The first is open_clip's; the second is ours, and
says that a file's weights were trained with GELU."""


@cache
def _open_clip_names() -> frozenset[str]:
    spec = importlib.util.find_spec("open_clip")
    folders = [Path(place) / "model_configs" for place in (spec and spec.submodule_search_locations) or ()]
    return frozenset(path.stem for folder in folders for path in folder.glob("*.json"))


@cache
def backbone_names() -> tuple[str, ...]:
    """Every name that ``--backbone`` takes, sorted."""
    names = _open_clip_names()
    return tuple(
        sorted({synmg_tiny.NAME, *names, *(f"{name}{GELU}" for name in names if f"{name}{QUICK_GELU}" in names)})
    )


def architecture(backbone: str) -> str:
    """Name of the open_clip model that a backbone is built as."""
    return backbone.removesuffix(GELU)


def has_both_activations(backbone: str) -> bool:
    """Whether open_clip has the backbone with GELU and with QuickGELU, so that weights must tell which they need."""
    plain = backbone.removesuffix(QUICK_GELU).removesuffix(GELU)
    return {plain, f"{plain}{QUICK_GELU}"} <= _open_clip_names()


def require_backbone_name(name: str) -> None:
    """Refuses a name that would be looked up outside this machine's installed packages.

    Raises:
        UserError: for a name with a scheme.
    """
    scheme, colon, _ = name.partition(":")
    if colon:
        raise UserError(
            f"the backbone {name[:80]!r} would be loaded from elsewhere ({scheme[:20]!r}); name one of open_clip's "
            "models, and give its weights as a file: --pretrained FILE"
        )


def require_backbone(name: str) -> None:
    """Refuses an unknown backbone.

    Raises:
        UserError: naming the closest ones.
    """
    require_backbone_name(name)
    if name not in backbone_names():
        raise UserError(f"unknown backbone {name[:80]!r}; {nearest(name[:80], backbone_names())}")
