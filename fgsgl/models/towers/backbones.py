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


@cache
def backbone_names() -> tuple[str, ...]:
    """Every name that ``--backbone`` takes, sorted."""
    spec = importlib.util.find_spec("open_clip")
    folders = [Path(place) / "model_configs" for place in (spec and spec.submodule_search_locations) or ()]
    return tuple(sorted({synmg_tiny.NAME, *(path.stem for folder in folders for path in folder.glob("*.json"))}))


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
