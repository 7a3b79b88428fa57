"""An ablation's design: which factors it is over, and which variant stands for each of its arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fgsgl.bench.cell import FULL, Cell, Variant


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


def title_of(name: str, factors: Sequence[str], aliases: Sequence[str]) -> str:
    """``factorial over fgsa, cpa``; a design with aliases is half of one."""
    return f"{'half of the ' if aliases else ''}{name} over {', '.join(factors)}"
