"""What a still picture shows, as statements that are true of it or not: the truth behind every caption.

Shapes: N pictures, C captions, V statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch

from fgsgl.data.synmg.hand_places import PLACES

FREE = "free"
"""The place of a hand that rests nowhere."""
POSTURES = ("seated", "standing")
FEET = ("flat", "crossed", "forward", "aside")
SHOULDERS = ("level", "raised")
HEADS = ("straight", "turned", "tilted", "bowed")
TRUNKS = ("upright", "forward", "sideways")
SHIRTS = ("red", "blue", "green", "cream", "black", "purple", "orange", "teal", "grey", "brown")
"""Names of the shirts of ``fgsgl.data.synmg.body``, in its order; so are the next two."""
TROUSERS = ("navy", "dark brown", "khaki", "black", "grey")
HAIRS = ("black", "brown", "light brown", "blond", "grey", "red")
LENGTHS = ("short", "long")
SLEEVES = ("long", "short")
VIEWS = ("front", "side")
WALLS = ("bare", "a few things", "full")


class Statement(NamedTuple):
    """One thing that a picture may show, such as ``("one hand", "neck")``."""

    kind: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything that captions tell of a picture. Nothing says left or right, so a mirrored picture keeps it."""

    hands: tuple[str, str]
    """Places of the two hands, sorted; ``FREE`` for a hand that rests nowhere."""
    posture: str
    feet: str
    shoulders: str
    head: str
    trunk: str
    shirt: str
    trousers: str
    hair: str
    length: str
    sleeves: str
    view: str
    wall: str

    def statements(self) -> tuple[Statement, ...]:
        """All that is true of the picture; a hand's place is told of one hand, or of both where they share it."""
        one, other = self.hands
        hands = [Statement("both hands", one)] if one == other else [Statement("one hand", p) for p in self.hands]
        return (*hands, *(Statement(kind, getattr(self, kind)) for kind in VALUES if kind not in HANDS))


HANDS = ("one hand", "both hands")
VALUES: dict[str, tuple[str, ...]] = {
    "one hand": (*PLACES, FREE),
    "both hands": (*PLACES, FREE),
    "posture": POSTURES,
    "feet": FEET,
    "shoulders": SHOULDERS,
    "head": HEADS,
    "trunk": TRUNKS,
    "shirt": SHIRTS,
    "trousers": TROUSERS,
    "hair": HAIRS,
    "length": LENGTHS,
    "sleeves": SLEEVES,
    "view": VIEWS,
    "wall": WALLS,
}
"""Kind of a statement -> its values. Kinds other than the hands' are fields of :class:`Facts`."""


@cache
def numbers() -> dict[Statement, int]:
    """Every statement -> its column."""
    every = [Statement(kind, value) for kind, values in VALUES.items() for value in values]
    return {statement: number for number, statement in enumerate(every)}


@cache
def columns() -> dict[str, slice]:
    """Kind -> the columns of its statements."""
    return {
        kind: slice(numbers()[Statement(kind, values[0])], numbers()[Statement(kind, values[-1])] + 1)
        for kind, values in VALUES.items()
    }


def as_rows(told: Sequence[Iterable[Statement]]) -> torch.Tensor:
    """Sets of statements as float32 zeros and ones, ``rows_NV``."""
    rows_NV = torch.zeros(len(told), len(numbers()))
    for row_V, statements in zip(rows_NV, told, strict=True):
        row_V[[numbers()[statement] for statement in statements]] = 1.0
    return rows_NV


def agree(said_CV: torch.Tensor, true_NV: torch.Tensor) -> torch.Tensor:
    """1 where all that a caption says is true of a picture, else 0: ``agree_CN``."""
    return ((said_CV @ (1 - true_NV).T) == 0).float()
