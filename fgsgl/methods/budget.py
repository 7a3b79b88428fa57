"""The training budget: how many epochs each method trains under a protocol. Imports no torch.

With ``--budget epochs`` that is the protocol's number. With ``--budget compute`` every method may spend the training
operations of FG-SGL, so that a cheap network trains for more epochs and a dear one for fewer.

A method's cost is that of one clip in one training step, forward and backward, read from
``baselines/training_costs.csv``. ``fgsgl methods --measure`` counts it on the network itself. Frozen layers count their
forward pass, and the gradient that passes through them where trained layers come before; trained layers count all. So a
linear probe costs one forward pass, LoRA about two, a network that is trained whole about three. Work of a step that
does not depend on the clips, such as reading the classes' text, is divided by 16 clips.

Neglected are the optimizer, augmentation, everything but convolutions, products of matrices and attention, validation
after each epoch, other numbers of classes and other batches than 16 clips, and the settings of a variant: all variants
of a method train equally long.
"""

from __future__ import annotations

import csv
import importlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fgsgl.methods.method import Method
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

REFERENCE = "fgsgl"
"""The method whose training sets the budget; it and its variants train for the protocol's epochs."""
MOST_TIMES = 20
"""Most epochs of a method, in multiples of the protocol's; the cheapest networks would get a hundred times as many."""
PATH = Path(importlib.import_module("fgsgl.baselines").__path__[0]) / "training_costs.csv"
COLUMNS = ("method", "size", "backbone", "num_frames", "image_size", "train_gflops")


class Setting(NamedTuple):
    """The fields of a protocol that a training's cost depends on."""

    size: str
    backbone: str
    num_frames: int
    image_size: int

    @classmethod
    def of(cls, protocol: Protocol) -> Setting:
        """Those of a protocol."""
        return cls(protocol.size, protocol.backbone, protocol.num_frames, protocol.image_size)

    def __str__(self) -> str:
        return f"size {self.size}, {self.backbone}, {self.num_frames} frames of {self.image_size} px"


def epochs_of(method: Method, protocol: Protocol) -> int:
    """The epochs that a method trains for under a protocol; every use of that number comes from here.

    Raises:
        UserError: as :func:`budget_epochs`.
    """
    return budget_epochs(method, protocol) or protocol.epochs


def budget_epochs(method: Method, protocol: Protocol) -> int | None:
    """The epochs that cost the training operations of FG-SGL's, rounded to the nearest whole number: at least 1, at
    most ``MOST_TIMES`` as many. None: the budget is the protocol's epochs, or nothing is trained.

    Raises:
        UserError: where the cost of the method, or of FG-SGL, is not counted for the protocol's networks and clips.
    """
    if protocol.budget == "epochs" or method.recipe is None:
        return None
    share = _train_gflops(REFERENCE, protocol) / _train_gflops(method.name, protocol)
    return max(1, min(round(share * protocol.epochs), MOST_TIMES * protocol.epochs))


def _train_gflops(method: str, protocol: Protocol) -> float:
    counts, setting = training_costs(), Setting.of(protocol)
    found = counts.get((method, setting))
    if found is not None:
        return found
    if (REFERENCE, setting) in counts:
        raise UserError(
            f"--budget compute needs the cost of training {method}, which was never counted; count it by `fgsgl "
            "methods --measure`, leave the method out, or use --budget epochs"
        )
    known = "; ".join(str(one) for name, one in counts if name == REFERENCE)
    raise UserError(
        f"--budget compute goes by counted costs, and there are none for {setting}; expected one of: "
        f"{known or 'none'}; or use --budget epochs"
    )


@cache
def training_costs() -> dict[tuple[str, Setting], float]:
    """GFLOPs of one clip in a training step, by method and setting; none where there is no file.

    Raises:
        UserError: for a row that is no count.
    """
    if not PATH.is_file():
        return {}
    found: dict[tuple[str, Setting], float] = {}
    with PATH.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                setting = Setting(row["size"], row["backbone"], int(row["num_frames"]), int(row["image_size"]))
                found[row["method"], setting] = gflops = float(row["train_gflops"])
                if not 0 < gflops < 1e9:
                    raise ValueError(gflops)
            except (KeyError, TypeError, ValueError):
                raise UserError(
                    f"{PATH} has the row {row}, expected {', '.join(COLUMNS)} with a cost above 0; write it anew by "
                    "`fgsgl methods --measure`"
                ) from None
    return found
