"""The protocol: everything that every method of a board has in common. Frozen and hashed; each row carries the hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from fgsgl.errors import UserError, nearest

EVALUATION = "every clip of the test split once, one view, whole frame, last epoch's weights"


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """What is held fixed while methods, factors and seeds change."""

    dataset: str
    preset: str
    data_seed: int = 0
    """Seed of a generated data set."""
    num_frames: int = 8
    """Frames a recognizer sees of a clip."""
    image_size: int = 112
    """Side of a frame in pixels."""
    epochs: int
    batch_size: int = 16
    flip: float = 0.5
    """Probability of mirroring a training clip."""
    shift: float = 0.06
    """Largest random translation of a training clip, as a share of the image side."""
    brightness: float = 0.2
    """Largest relative change of brightness and contrast of a training clip."""
    backbone: str = "synmg-tiny"
    """The open_clip model of every vision-language method."""
    pretrained: str = "synmg-tiny"
    """Its weights: a tag of open_clip's, or a file."""
    skip_bad: bool = False
    """Leave out clips whose video cannot be read; they are counted on the board."""
    evaluation: str = EVALUATION

    def __post_init__(self) -> None:
        for name in ("num_frames", "image_size", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least 1")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for records and configs."""
        return dataclasses.asdict(self)

    def hash(self) -> str:
        """16 hex digits over every field."""
        return digest(self.as_dict())


def digest(content: Any) -> str:
    """16 hex digits of SHA-256 over the canonical JSON of plain values."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def default_protocol(dataset: str, preset: str | None = None, **changes: Any) -> Protocol:
    """The data set's own protocol (from its file in ``fgsgl/data/sets``) with the given fields changed.

    Raises:
        UserError: for an unknown data set, preset or field.
    """
    from fgsgl.data import sets

    module = sets.get(dataset, preset)
    preset = preset or module.PRESETS[0]
    valid = [field.name for field in dataclasses.fields(Protocol)]
    for name in changes:
        if name not in valid:
            raise UserError(f"unknown protocol field {name!r}; {nearest(name, valid)}")
    given = {name: value for name, value in changes.items() if value is not None}
    return Protocol(dataset=dataset, preset=preset, **{**module.PROTOCOL[preset], **given})
