"""Patch size and depth of a backbone, read from the config files of open_clip. Imports neither that nor torch."""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.backbones import architecture
from fgsgl.util.errors import UserError


class TowerShape(NamedTuple):
    """The shape of a visual transformer."""

    patch_px: int
    depth: int
    """Number of blocks."""


@cache
def tower_shape(backbone: str) -> TowerShape | None:
    """The shape of a backbone's visual tower; None where no file tells, as for towers of timm's."""
    if backbone == synmg_tiny.NAME:
        return TowerShape(synmg_tiny.PATCH_PX, synmg_tiny.DEPTH)
    package = importlib.util.find_spec("open_clip")
    if package is None or package.origin is None or not re.fullmatch(r"[A-Za-z0-9_.-]+", backbone):
        return None
    path = Path(package.origin).parent / "model_configs" / f"{architecture(backbone)}.json"
    vision = json.loads(path.read_text(encoding="utf-8"))["vision_cfg"] if path.is_file() else {}
    patch, depth = vision.get("patch_size"), vision.get("layers")
    return TowerShape(patch, depth) if isinstance(patch, int) and isinstance(depth, int) else None


def require_whole_patches(backbone: str, image_size: int) -> None:
    """Refuses frames that a backbone would not see to their edge.

    Raises:
        UserError: naming the side of a patch.
    """
    shape = tower_shape(backbone)
    if shape and image_size % shape.patch_px:
        raise UserError(f"image_size is {image_size}, but the backbone {backbone} takes multiples of {shape.patch_px}")


def require_block(backbone: str, number: int | str) -> None:
    """Refuses the number of a block that a backbone does not have; words such as ``early`` always fit.

    Raises:
        UserError: naming the last block.
    """
    shape = tower_shape(backbone)
    if shape and isinstance(number, int) and number > shape.depth:
        raise UserError(f"tap={number} is beyond the last block of {backbone}; expected 1..{shape.depth}")
