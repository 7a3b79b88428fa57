"""Progress of a cell: written by its process, read by those who watch it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import msgspec
from msgspec import Struct

from fgsgl.util.files import write_whole

FILE = "progress.json"
"""In the cell's work folder."""


class CellProgress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a running cell stands."""

    phase: Literal["starting", "build", "train", "test"] = "starting"
    step: int = 0
    """Steps of the phase that are done."""
    steps: int | None = None
    """Steps of the phase; None where they are not known."""
    epoch: int | None = None
    """The epoch in training, from 1."""
    val_top1: float | None = None
    """Accuracy on the validation split after the last epoch, 0..1."""

    @classmethod
    def find(cls, work_dir: Path) -> Self:
        """The progress that the cell last wrote; "starting" where it has written nothing that can be read."""
        try:
            return msgspec.json.decode((work_dir / FILE).read_bytes(), type=cls)
        except (OSError, ValueError):
            return cls()

    def write(self, path: Path) -> None:
        """Writes the file whole."""
        write_whole(path, msgspec.json.encode(self))

    def __str__(self) -> str:
        words = [self.phase if self.epoch is None or self.phase != "train" else f"train epoch {self.epoch}"]
        if self.val_top1 is not None:
            words.append(f"val {100 * self.val_top1:.1f} %")
        return " ".join(words)
