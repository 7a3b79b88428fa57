"""What every method costs, as counted on its network by ``fgsgl methods --measure``. Imports no torch.

``baselines/costs.csv`` has a row for each method and :class:`NetworkSetting`. Parameters and FLOPs are counted for one
setting of each size (:data:`SHOWN`), trainings for those of the data sets' presets (:data:`TRAINED`); other cells of
the file are empty.
"""

from __future__ import annotations

import csv
import importlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fgsgl.records.protocol import Protocol
from fgsgl.util.domain import Numbers
from fgsgl.util.errors import UserError

PATH = Path(importlib.import_module("fgsgl.baselines").__path__[0]) / "costs.csv"


class NetworkSetting(NamedTuple):
    """The fields of a protocol that a method's cost depends on."""

    size: str
    backbone: str
    num_frames: int
    image_size: int

    @classmethod
    def of(cls, protocol: Protocol) -> NetworkSetting:
        """Those of a protocol."""
        return cls(protocol.size, protocol.backbone, protocol.num_frames, protocol.image_size)

    def __str__(self) -> str:
        return f"size {self.size}, {self.backbone}, {self.num_frames} frames of {self.image_size} px"


class Costs(NamedTuple):
    """Counts of a method under a setting; None: not counted there."""

    params_m: float | None = None
    """Millions of parameters."""
    trainable_m: float | None = None
    """Millions of parameters that are trained."""
    gflops: float | None = None
    """Of one clip."""
    train_gflops: float | None = None
    """Of one clip in a training step, forward and backward."""


SHOWN = {
    "quick": NetworkSetting("quick", "synmg-tiny", 8, 112),
    "standard": NetworkSetting("standard", "ViT-B-16", 8, 224),
}
"""The setting that `fgsgl methods` shows of each size: one clip for all, also for networks that are published for
another."""
TRAINED = (
    NetworkSetting("quick", "synmg-tiny", 8, 112),
    NetworkSetting("quick", "synmg-tiny", 16, 112),
    NetworkSetting("standard", "synmg-tiny", 8, 112),
)
"""The settings of all data sets' presets."""
COLUMNS = ("method", *NetworkSetting._fields, *Costs._fields)
_DOMAINS = {name: Numbers(0, 1e9, above=name != "trainable_m") for name in Costs._fields}


@cache
def costs() -> dict[tuple[str, NetworkSetting], Costs]:
    """The costs by method and setting; none where there is no file.

    Raises:
        UserError: for a row that is no count.
    """
    if not PATH.is_file():
        return {}
    with PATH.open(encoding="utf-8", newline="") as file:
        return dict(map(_read, csv.DictReader(file)))


def _read(row: dict[str, str]) -> tuple[tuple[str, NetworkSetting], Costs]:
    try:
        setting = NetworkSetting(row["size"], row["backbone"], int(row["num_frames"]), int(row["image_size"]))
        counts = {name: float(row[name]) if row[name] else None for name in Costs._fields}
        for name, value in counts.items():
            if value is not None and not _DOMAINS[name].holds(value):
                raise ValueError(value)
        return (row["method"], setting), Costs(**counts)
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{PATH} has the row {row}, expected {', '.join(COLUMNS)} with counts above 0, or empty; write it anew by "
            "`fgsgl methods --measure`"
        ) from None
