"""The factors of FG-SGL: parts that can be switched off (``x``) or replaced by something else (``x=y``).

A new factor is one entry in the list ``_ALL``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from fgsgl.methods.cell import Variant
from fgsgl.methods.fgsgl import METHOD
from fgsgl.methods.method import Setting, Settings
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.records.row_key import FULL
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.yaml_file import parse_yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """One part of FG-SGL that can be switched off or replaced."""

    name: str
    group: str
    help: str
    apply: Callable[[Settings], Settings]
    """(settings) -> the settings that change without the factor, with their new values."""

    @property
    def word(self) -> str:
        """Its part of a variant's name: ``w/o fgsa``, ``text=names``."""
        return self.name if "=" in self.name else f"w/o {self.name}"

    @property
    def levels(self) -> str:
        """The settings behind it, with and without the factor: ``schedule: coarse_to_fine -> joint``."""
        changes = self.apply(METHOD.settings)
        return ", ".join(f"{name}: {_plain(METHOD.settings[name])} -> {_plain(changes[name])}" for name in changes)


def _set(**changes: Setting) -> Callable[[Settings], Settings]:
    return lambda settings: changes


def _without_dimension(name: str) -> Callable[[Settings], Settings]:
    def apply(settings: Settings) -> Settings:
        dimensions = settings["dimensions"]
        assert isinstance(dimensions, list)
        return {"dimensions": [other for other in dimensions if other != name]}

    return apply


def _plain(value: Setting) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _factor(group: str, name: str, apply: Callable[[Settings], Settings], text: str) -> Factor:
    return Factor(name=name, group=group, help=text, apply=apply)


_ALL = (
    _factor("components", "fgsa", _set(fgsa=False), "no fine-grained alignment: neither module, gate nor loss"),
    _factor("components", "cpa", _set(cpa=False), "no category text: a linear head and cross-entropy instead"),
    _factor("components", "lora", _set(lora=False), "the visual tower stays frozen"),
    _factor("components", "temporal", _set(temporal="mean"), "the mean over frames, no temporal encoder"),
    _factor("components", "motion-difference", _set(motion_difference=False), "FG-SA without frame differences"),
    _factor("components", "guidance", _set(guidance=False), "local features stay out of the video embedding (no gate)"),
    _factor("components", "learned-prompts", _set(learned_prompts=False), "category prompts without learned context"),
    _factor("loss levels", "loss.fine", _set(loss_fine=0.0), "FG-SA's module and gate without its loss (module only)"),
    _factor("loss levels", "loss.category", _set(loss_category=0.0), "the fine level alone"),
    _factor("loss levels", "loss.fine.v2t", _set(fine_v2t=False), "the fine loss without video-to-text"),
    _factor("loss levels", "loss.fine.t2v", _set(fine_t2v=False), "the fine loss without text-to-video"),
    _factor("loss levels", "schedule", _set(schedule="joint"), "both levels from the start instead of coarse to fine"),
    _factor("loss levels", "multi-positive", _set(multi_positive=False), "classes that share a sentence are negatives"),
    _factor("dimensions", "dim.part", _without_dimension("part"), "no sentences on the body part that moves"),
    _factor("dimensions", "dim.onset", _without_dimension("onset"), "no sentences on posture and place at the start"),
    _factor("dimensions", "dim.trajectory", _without_dimension("trajectory"), "no sentences on path, size and speed"),
    _factor("dimensions", "dim.outcome", _without_dimension("outcome"), "no sentences on what is touched at the end"),
    _factor("controls", "text=shuffled", _set(text_control="shuffled"), "each class gets sentences of other classes"),
    _factor("controls", "text=names", _set(text_control="names"), "the class name is every dimension's only sentence"),
    _factor("controls", "text=static", _set(text_control="static"), "sentences of part and onset in all dimensions"),
    _factor("controls", "text=random", _set(text_control="random"), "random unit vectors instead of sentences"),
    _factor("controls", "module-only", _set(loss_fine=0.0), "FG-SA as an architecture alone; the same as loss.fine"),
    _factor("controls", "head=linear", _set(cpa=False), "a linear layer instead of category text; the same as cpa"),
    _factor("controls", "head=both", _set(head="both"), "a linear classifier beside category text"),
    _factor("placement", "fine=from-nothing", _set(fine_from_video=False), "FG-SA does not start as the video"),
    _factor("placement", "tap=early", _set(tap="early"), "FG-SA on the tower's early features"),
    _factor("placement", "tap=late", _set(tap="late"), "FG-SA on the tower's late features"),
    _factor("placement", "fine-at-test", _set(fine_at_test=False), "the fine score is not used at test (beta 0)"),
)  # fmt: skip

FACTORS = {factor.name: factor for factor in _ALL}
"""Every factor by name."""


def variant(names: Sequence[str]) -> Variant:
    """FG-SGL with the named factors switched off or replaced together; without any name, FG-SGL itself.

    Raises:
        UserError: for an unknown factor, or two that exclude each other.
    """
    for name in names:
        if name not in FACTORS:
            raise UserError(f"unknown factor {name!r}; {nearest(name, list(FACTORS))} (all: --list)")
    for pair in combinations(dict.fromkeys(names), 2):
        if _changes(pair) != _changes(pair[::-1]):
            raise UserError(f"{' and '.join(pair)} change the same setting, each in its way: name one of them")
    words = [FACTORS[name].word for name in names]
    return Variant(method=METHOD.name, name=", ".join(words) or FULL, changes=_changes(names))


def simplest(names: Sequence[str]) -> tuple[str, ...]:
    """The fewest factors whose variant computes the same as that of the named ones, in the order of ``FACTORS``.

    Without FG-SA, for instance, the schedule changes nothing: ``(fgsa, schedule)`` is ``(fgsa,)``.

    Raises:
        UserError: as :func:`variant`, or for settings that FG-SGL refuses.
    """
    wanted = computation(names)
    for one in FACTORS:
        if computation([one]) == wanted:
            return (one,)
    left = sorted(dict.fromkeys(names), key=list(FACTORS).index)
    for name in reversed(tuple(left)):
        rest = [other for other in left if other != name]
        if computation(rest) == wanted:
            left = rest
    return tuple(left)


def computation(names: Sequence[str]) -> FGSGLConfig:
    """The effective configuration of FG-SGL without the named factors; equal for equal computations.

    Raises:
        UserError: as :func:`variant`, or for settings that FG-SGL refuses.
    """
    return FGSGLConfig.from_dict({"num_classes": 2, **METHOD.resolve(variant(names).changes)}).effective()


def _changes(names: Sequence[str]) -> dict[str, Setting]:
    changes: dict[str, Setting] = {}
    for name in names:
        changes |= FACTORS[name].apply({**METHOD.settings, **changes})
    return changes


def variant_of_settings(assignments: Sequence[str]) -> Variant:
    """FG-SGL with settings given as ``name=value``, the value in YAML: ``loss_fine=3``, ``dimensions=[part, onset]``.

    Raises:
        UserError: for another form, an unknown setting, or a value that FG-SGL refuses.
    """
    changes: dict[str, Setting] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UserError(f"--set takes NAME=VALUE, such as loss_fine=3; got {assignment!r}")
        if name in changes:
            raise UserError(f"--set gives {name} twice; expected one value of each setting")
        try:
            changes[name] = parse_yaml(value)
        except UserError as error:
            raise UserError(f"--set takes NAME=VALUE, such as loss_fine=3; got {assignment!r}: {error}") from None
    FGSGLConfig.from_dict({"num_classes": 2, **METHOD.resolve(changes)})
    return Variant(method=METHOD.name, name=", ".join(assignments), changes=changes)
