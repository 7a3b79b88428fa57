"""Random streams named by what they are for, so that adding one draw here never changes a number there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from fgsgl.data.synmg import VERSION

Item = TypeVar("Item")


def stream(*names: object) -> np.random.Generator:
    """The generator of e.g. ``("quick", 0, "clip", "s03_c012", "noise")``: a PCG64 seeded by a hash of the names.

    Only ``random()``, ``integers()`` and raw bits are drawn from it: their values are fixed by NumPy's stream policy
    for a given bit generator on any machine, unlike those of ``normal()``.
    """
    return named("synmg", VERSION, *names)


def named(*names: object) -> np.random.Generator:
    """The generator of these names, of no version of SynMG: for what must not change with the benchmark."""
    text = "/".join(map(str, names))
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Uniform in [low, high)."""
    return low + (high - low) * float(rng.random())


def pick(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    """One of the items, all equally likely."""
    return items[int(rng.integers(len(items)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with this probability; always consumes one draw."""
    return bool(rng.random() < probability)


def bell(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Nearly normal numbers of mean 0 and standard deviation 1: sums of four uniform ones."""
    return (rng.random((4, *shape)).sum(0) - 2) * 3**0.5
