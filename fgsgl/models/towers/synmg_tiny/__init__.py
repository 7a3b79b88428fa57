"""synmg-tiny: a small CLIP for synthetic micro-gestures, loaded like any open_clip model by name.

After ``register()``, ``open_clip.create_model("synmg-tiny")`` and ``open_clip.get_tokenizer("synmg-tiny")`` work. The
committed weights, their pretraining and their limits are described in ``MODEL_CARD.md`` beside this file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fgsgl.util.files import once

NAME = "synmg-tiny"
"""The model, and its weights of still pictures, as CLIP's are."""
MOTION_NAME = "synmg-tiny-motion"
"""Weights of the same model that were pretrained on captioned motions, together with a temporal encoder."""
SLIM_NAME = "synmg-slim"
PATCH_PX, DEPTH = 16, 4
"""Side of a patch, and number of blocks, of the visual tower."""
_HERE = Path(__file__).parent


def register() -> None:
    """Makes the model and its tokenizer known to open_clip; a second call changes nothing."""
    import open_clip.factory

    from fgsgl.models.towers.synmg_tiny import vit  # noqa: F401 (importing it registers the visual tower with timm)

    config = json.loads((_HERE / "config.json").read_text(encoding="utf-8"))
    # The tokenizer's file has to be named by its absolute path, which only this machine knows. add_model_config()
    # takes files alone and reads them anew at each call, so the entry is set in open_clip's own table.
    config["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": str(merges_path())}
    open_clip.factory._MODEL_CONFIGS[NAME] = config


def merges_path() -> Path:
    """The tokenizer's merges: a subset of CLIP's, in CLIP's order (gzip; the first line is a comment)."""
    return _HERE / "merges.txt.gz"


def weights_path(name: str = NAME) -> Path:
    """The tower's weights, ``NAME`` or ``MOTION_NAME``: safetensors, half precision."""
    return _HERE / {NAME: "weights.safetensors", MOTION_NAME: "motion.safetensors"}[name]


def slim_path() -> Path:
    """The weights of the convolutional baselines' backbone, pretrained on the same pictures."""
    return _HERE / "slim.safetensors"


def motion_temporal_path() -> Path:
    """The weights of FG-SGL's temporal encoder as pretrained on top of the tower that has seen motions."""
    return _HERE / "motion_temporal.safetensors"


@once
def sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
