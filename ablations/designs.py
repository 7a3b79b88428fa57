"""Designs: which combinations of factors an ablation trains, and which of them are one and the same row.

A one-out table alone misleads where parts are redundant, so there are one-in (each component alone added to the bare
model) and the full factorial as well; see :mod:`fgsgl.stats.factorial` for what they tell.
"""

# FOLDED: """An ablation's design: which factors it is over, and which variant stands for each of its arms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fgsgl.ablations.factors import FACTORS, computation, simplest, variant

from fgsgl.methods.cell import Cell, Variant
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.records.plan_file import title_of
from fgsgl.records.row_key import FULL
from fgsgl.util.errors import UserError

MANY_CELLS = 64
"""A factorial of more cells than this comes with the offer of its half."""
FACTORIAL = ("fgsa", "cpa", "lora", "schedule")
CONTROL_METHODS = ("linear_probe", "zero_shot_names", "zero_shot_descriptions", "tsn", "tsm")
"""What else has to stand beside FG-SGL before it is called better."""

Offs = list[tuple[str, ...]]
"""The factors that are off in each arm; the first arm is what the others are compared with."""


def one_out(factors: Sequence[str]) -> Offs:
    """FG-SGL, and FG-SGL without each factor."""
    return [(), *((name,) for name in factors)]


def one_in(factors: Sequence[str]) -> Offs:
    """The bare model, without any of the factors, and with each of them alone."""
    return [tuple(factors), *(tuple(other for other in factors if other != name) for name in factors)]


def factorial(factors: Sequence[str]) -> Offs:
    """All combinations; FG-SGL first."""
    from fgsgl.stats.factorial import full_factorial

    return [_named(off_K, factors) for off_K in full_factorial(factors)]


def controls(factors: Sequence[str]) -> Offs:
    """FG-SGL, category text and LoRA alone, a linear head and LoRA alone, and each control."""
    return [(), ("fgsa",), ("fgsa", "cpa"), *((name,) for name in factors)]


def _group(*groups: str) -> tuple[str, ...]:
    return tuple(name for name, factor in FACTORS.items() if factor.group in groups)


DESIGNS: dict[str, tuple[Callable[[Sequence[str]], Offs], tuple[str, ...]]] = {
    "one-out": (one_out, _group("components", "loss levels")),
    "one-in": (one_in, _group("components")),
    "factorial": (factorial, FACTORIAL),
    "dimensions": (one_out, _group("dimensions")),
    "losses": (one_out, _group("loss levels")),
    "controls": (controls, _group("controls")),
    "placement": (one_out, _group("placement")),
}
"""Name -> (the arms over some factors, the factors it is over unless others are named)."""


def design(name: str, factors: Sequence[str] = (), half: bool = False) -> Design:
    """A design by name.

    Args:
        name: one of ``DESIGNS``.
        factors: what it is over; none: its own.
        half: only half the arms of a factorial.

    Raises:
        UserError: for an unknown factor, factors that exclude each other, a combination that FG-SGL refuses, or half
            a factorial of less than three factors.
    """
    arms_of, default = DESIGNS[name]
    factors = tuple(dict.fromkeys(factors)) or default
    aliases: list[str] = []
    if half:
        from fgsgl.stats.factorial import half_fraction

        off_AK, aliases = half_fraction(factors)
        offs = [_named(off_K, factors) for off_K in off_AK]
    else:
        offs = arms_of(factors)
    factors = tuple(dict.fromkeys((*factors, *(name for off in offs for name in off))))  # controls have more
    rows: dict[FGSGLConfig, tuple[str, ...]] = {}
    for off in sorted(offs, key=len):
        rows.setdefault(computation(off), simplest(off))
    arms = tuple(Arm(off=off, variant=variant(rows[computation(off)])) for off in offs)
    return Design(name=name, factors=factors, arms=arms, aliases=tuple(aliases))


def designs_of(names: Sequence[str], factors: Sequence[str], half: bool) -> list[Design]:
    """The designs that a command line asks for.

    Raises:
        UserError: if factors are named for none or several of them, or half is asked of no factorial; or from
            :func:`design`.
    """
    if factors and len(names) != 1:
        raise UserError(f"--factors says what one --design is over; got {len(names)} designs: give one")
    if half and "factorial" not in names:
        raise UserError("--half makes half of a factorial: add --design factorial")
    return [design(name, factors, half and name == "factorial") for name in dict.fromkeys(names)]


def _named(off_K: Sequence[bool], factors: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, off in zip(factors, off_K, strict=True) if off)


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One combination of factors."""

    off: tuple[str, ...]
    """The factors that are switched off or replaced."""
    variant: Variant
    """The row that stands for it; arms that compute the same share one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """Arms that belong together: the declared family of their comparisons."""

    name: str
    factors: tuple[str, ...]
    arms: tuple[Arm, ...]
    """The first is what the others are compared with: FG-SGL or, where factors are added, the model without them."""
    aliases: tuple[str, ...] = ()
    """Of a fraction: effects that cannot be told apart."""

    @property
    def title(self) -> str:
        """``factorial over fgsa, cpa, lora, schedule``."""
        return title_of(self.name, self.factors, self.aliases)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The rows, each once."""
        return tuple({arm.variant.name: arm.variant for arm in self.arms}.values())

    def off_of(self, cell: Cell) -> tuple[str, ...] | None:
        """The factors that are off in a cell, the fewest where arms share it; None for a cell of no arm."""
        row = cell.variant.method, cell.variant.name
        offs = [arm.off for arm in self.arms if (arm.variant.method, arm.variant.name) == row]
        return min(offs, key=len, default=None)

    def as_dict(self, protocol_hash: str, seeds: int) -> dict[str, Any]:
        """What ``plan.json`` keeps; FG-SGL itself has the variant name ``""`` there."""
        return {
            "design": self.name,
            "protocol_hash": protocol_hash,
            "seeds": seeds,
            "factors": list(self.factors),
            "arms": [
                {"off": list(arm.off), "variant": "" if arm.variant.name == FULL else arm.variant.name}
                for arm in self.arms
            ],
            "aliases": list(self.aliases),
        }
