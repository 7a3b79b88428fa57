"""Domains of settings: the numbers that each may be, declared beside the setting and checked where it comes in.

``epochs: Annotated[int, Numbers(1, 100_000)]`` in a dataclass is checked by :func:`require_domains`, and by the command
line, whose options are made from the same fields.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from fgsgl.util.errors import UserError

Number = TypeVar("Number", bound=float)
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_REAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers from one to another."""

    low: float
    high: float
    above: bool = False
    """Without the lowest."""
    below: bool = False
    """Without the highest."""
    step: int = 1
    """Whole numbers are multiples of it."""

    def holds(self, value: float) -> bool:
        """Whether it is one of them; NaN is none."""
        low = self.low < value if self.above else self.low <= value
        high = value < self.high if self.below else value <= self.high
        return low and high and (self.step == 1 or value % self.step == 0)

    def __str__(self) -> str:
        if self.above or self.below:
            low = f"more than {self.low:.12g}" if self.above else f"{self.low:.12g} or more"
            return f"{low}, and {f'less than {self.high:.12g}' if self.below else f'at most {self.high:.12g}'}"
        return f"{self.low:.12g} to {self.high:.12g}" + f", a multiple of {self.step}" * (self.step > 1)


SEEDS = Numbers(0, 2**32 - 1)
"""Seeds that every generator of random numbers takes."""
SEED_COUNTS = Numbers(1, 1000)
"""How many paired seeds 0..n-1 a row may have."""


def whole_number(text: str) -> int:
    """The number that decimal ASCII digits stand for; ``int()`` would also take ``1_0`` and other scripts' digits.

    Raises:
        UserError: for other text, or more than 20 digits.
    """
    if not _WHOLE.fullmatch(text):
        raise UserError(f"{text!r:.60} is no whole number; expected decimal digits, such as 12")
    return int(text)


def real_number(text: str) -> float:
    """The finite number that a decimal number in ASCII stands for, such as ``0.5`` or ``1e-3``.

    Raises:
        UserError: for other text, NaN, infinity, or a number too large for a float.
    """
    if not _REAL.fullmatch(text) or not math.isfinite(float(text)):
        raise UserError(f"{text!r:.60} is no finite number; expected one such as 0.5 or 1e-3")
    return float(text)


def require(name: str, value: Any, kind: type[Number], domain: Numbers) -> Number:
    """Refuses what is not a number of a domain.

    Args:
        name: of the setting, for the message.
        value: what was given.
        kind: int, or float, which allows an int too.
        domain: the numbers that are valid.

    Returns:
        The number as one of that kind: 1 and 1.0 are equal, but JSON, and so an id, tells them apart.

    Raises:
        UserError: saying what came and what was expected.
    """
    if type(value) not in ((int,) if kind is int else (int, float)) or not domain.holds(value):
        raise UserError(f"{name} is {value!r:.60}, expected {'a whole number, ' * (kind is int)}{domain}")
    return kind(value)


@functools.cache
def domains_of(cls: type) -> dict[str, tuple[type, bool, Numbers]]:
    """Domains by field of a class: int or float, whether None is valid too, and the domain."""
    plain, annotated = get_type_hints(cls), get_type_hints(cls, include_extras=True)
    found = {}
    for name, hint in annotated.items():
        domain = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Numbers)), None)
        if domain is not None:
            kinds = get_args(plain[name]) or (plain[name],)
            (kind,) = (one for one in kinds if one is not NoneType)
            found[name] = kind, NoneType in kinds, domain
    return found


def require_domains(instance: Any, spell: Callable[[str], str] = str) -> None:
    """Refuses a field whose value is not in its declared domain, and makes a whole number in a float's field a float.

    Args:
        instance: of a class with fields such as ``Annotated[int, Numbers(1, 9)]``; it may be frozen.
        spell: how a message calls a field.

    Raises:
        UserError: naming the field.
    """
    cls: type = type(instance)
    for name, (kind, optional, domain) in domains_of(cls).items():
        value = getattr(instance, name)
        if not (optional and value is None):
            object.__setattr__(instance, name, require(spell(name), value, kind, domain))
