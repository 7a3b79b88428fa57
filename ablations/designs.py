"""Ablation designs: which combinations of factors are trained, and which of them are the same row.

A one-out table alone misleads where parts are redundant. So there are one-in (each component alone added to the bare
model) and the full factorial as well; :mod:`fgsgl.stats.factorial` says what each of them can show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fgsgl.ablations.factors import FACTORS, computation, simplest, variant
from fgsgl.methods.cell import Cell, Variant
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.records import plan_file
from fgsgl.records.row_key import FULL
from fgsgl.util.errors import UserError

MOST_ARMS = 1024
"""Arms of a design: a factorial over ten factors."""
MANY_CELLS = 64
"""A factorial with more cells comes with the offer of its half."""
REGIME_CONTROLS = (
    "fgsa", "text=shuffled", "text=names", "text=static", "text=random", "module-only", "head=linear",
)  # fmt: skip
"""Factors of the design ``regimes``."""

Combination = tuple[str, ...]
"""The factors that are switched off together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DesignKind:
    """A kind of design. A new one is an entry in ``DESIGNS``."""

    name: str
    help: str
    factors: tuple[str, ...]
    """The factors that it is over unless others are named."""
    combinations: Callable[[Sequence[str]], list[Combination]]
    """Factors -> the arms; the others are compared with the first one."""
    count: Callable[[int], int] = lambda factors: factors + 1
    """Number of factors -> about how many arms that makes, without making them."""
    methods: tuple[str, ...] = ()
    """Methods that the design adds: FG-SGL has to beat them before it is called better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DesignArm:
    """One combination of factors."""

    off: Combination
    variant: Variant
    """The row that stands for the arm; arms that compute the same share one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AblationDesign:
    """Arms that belong together: one family of comparisons, declared before anything runs."""

    name: str
    factors: tuple[str, ...]
    arms: tuple[DesignArm, ...]
    """The others are compared with the first: FG-SGL or, where factors are added, the model without them."""
    aliases: tuple[str, ...] = ()
    """Effects that half a factorial cannot distinguish: ``fgsa = cpa x lora x schedule``."""

    @property
    def title(self) -> str:
        """``factorial over fgsa, cpa, lora, schedule``."""
        return plan_file.title_of(self.name, self.factors, self.aliases)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The rows, each once."""
        return tuple({arm.variant.name: arm.variant for arm in self.arms}.values())

    def off_of(self, cell: Cell) -> Combination | None:
        """The factors that are off in a cell, the fewest where arms share it; None for a cell of no arm."""
        row = cell.variant.method, cell.variant.name
        offs = [arm.off for arm in self.arms if (arm.variant.method, arm.variant.name) == row]
        return min(offs, key=len, default=None)

    def plan_entry(self, protocol_hash: str, seeds: int) -> plan_file.Design:
        """The design as ``plan.json`` keeps it; there, FG-SGL itself has the variant name ``""``."""
        return plan_file.Design(
            design=self.name,
            protocol_hash=protocol_hash,
            seeds=seeds,
            factors=list(self.factors),
            arms=[
                plan_file.Arm(off=list(arm.off), variant="" if arm.variant.name == FULL else arm.variant.name)
                for arm in self.arms
            ],
            aliases=list(self.aliases),
        )


def one_out(factors: Sequence[str]) -> list[Combination]:
    """FG-SGL, and FG-SGL without each factor."""
    return [(), *((name,) for name in factors)]


def one_in(factors: Sequence[str]) -> list[Combination]:
    """The bare model, without any of the factors, and with each of them alone."""
    return [tuple(factors), *(tuple(other for other in factors if other != name) for name in factors)]


def factorial(factors: Sequence[str]) -> list[Combination]:
    """All combinations; FG-SGL first."""
    from fgsgl.stats.factorial import full_factorial

    return [_named(off_K, factors) for off_K in full_factorial(factors)]


def controls(factors: Sequence[str]) -> list[Combination]:
    """FG-SGL, category text and LoRA alone, a linear head and LoRA alone, and each control."""
    return [(), ("fgsa",), ("fgsa", "cpa"), *((name,) for name in factors)]


def _group(*groups: str) -> tuple[str, ...]:
    return tuple(name for name, factor in FACTORS.items() if factor.group in groups)


DESIGNS = {
    kind.name: kind
    for kind in (
        DesignKind(
            name="one-out", help="FG-SGL without each factor", factors=_group("components", "loss levels"),
            combinations=one_out,
        ),
        DesignKind(
            name="one-in", help="each component alone added to the bare model", factors=_group("components"),
            combinations=one_in,
        ),
        DesignKind(
            name="factorial", help="all combinations", factors=("fgsa", "cpa", "lora", "schedule"),
            combinations=factorial, count=lambda factors: 2**factors,
        ),
        DesignKind(
            name="dimensions", help="one-out over the sentences' dimensions", factors=_group("dimensions"),
            combinations=one_out,
        ),
        DesignKind(
            name="losses", help="one-out over the losses and their levels", factors=_group("loss levels"),
            combinations=one_out,
        ),
        DesignKind(
            name="controls",
            help="everything that a claim for FG-SGL has to stand beside (linear head, module only, other texts, "
            "linear probe, zero-shot, TSN, TSM)",
            factors=_group("controls"), combinations=controls,
            methods=("linear_probe", "zero_shot_names", "zero_shot_descriptions", "tsn", "tsm"),
        ),
        DesignKind(
            name="regimes",
            help="FG-SGL against what has its place in a regime such as --unseen or --shots: without FG-SA, other "
            "texts, sentences of posture and part alone, module only, linear head, linear probe, zero-shot",
            factors=REGIME_CONTROLS, combinations=one_out,
            methods=("linear_probe", "zero_shot_names", "zero_shot_descriptions"),
        ),
        DesignKind(
            name="placement", help="one-out over where and when FG-SA acts", factors=_group("placement"),
            combinations=one_out,
        ),
    )
}  # fmt: skip
"""Every kind of design by name."""


def design(name: str, factors: Sequence[str] = (), half: bool = False) -> AblationDesign:
    """A design by name.

    Args:
        name: one of ``DESIGNS``.
        factors: the factors that it is over; none: the kind's own.
        half: only half the arms of a factorial.

    Raises:
        UserError: for an unknown factor, factors that exclude each other, a combination that FG-SGL refuses, or half
            a factorial of less than three factors.
    """
    kind = DESIGNS[name]
    factors = tuple(dict.fromkeys(factors)) or kind.factors
    for factor in factors:
        variant([factor])  # refuses an unknown one
    if (count := kind.count(len(factors)) // (2 if half else 1)) > MOST_ARMS:
        raise UserError(
            f"the {name} over {len(factors)} factors has {count} arms, expected at most {MOST_ARMS}; name fewer "
            "--factors, or take --design one-out"
        )
    aliases: list[str] = []
    if half:
        from fgsgl.stats.factorial import half_fraction

        off_AK, aliases = half_fraction(factors)
        offs = [_named(off_K, factors) for off_K in off_AK]
    else:
        offs = kind.combinations(factors)
    factors = tuple(dict.fromkeys((*factors, *(name for off in offs for name in off))))  # controls have more
    rows: dict[FGSGLConfig, Combination] = {}
    for off in sorted(offs, key=len):
        rows.setdefault(computation(off), simplest(off))
    arms = tuple(DesignArm(off=off, variant=variant(rows[computation(off)])) for off in offs)
    return AblationDesign(name=name, factors=factors, arms=arms, aliases=tuple(aliases))


def designs_of(names: Sequence[str], factors: Sequence[str], half: bool) -> list[AblationDesign]:
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


def _named(off_K: Sequence[bool], factors: Sequence[str]) -> Combination:
    return tuple(name for name, off in zip(factors, off_K, strict=True) if off)
