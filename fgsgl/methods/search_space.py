"""Search spaces of a method, declared with the method or read from a YAML file. Imports no Optuna."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgsgl.records.identity import digest
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.yaml_file import read_yaml

if TYPE_CHECKING:
    from fgsgl.methods.method import Setting, Settings

Choice = bool | int | float | str
"""The value of a parameter; where choices are named settings, the name."""
ALL = "all"
"""Name of the union of a method's spaces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Param:
    """A parameter of a search: either some choices, or a range of numbers.

    Raises:
        UserError: for neither or both, or an empty range.
    """

    name: str
    """A setting of the method, such as ``recipe.lr``; any name where the choices are named settings."""
    choices: tuple[Choice, ...] | Mapping[str, Settings] = ()
    """Plain values; or names, each with the settings that it changes (possibly none)."""
    low: float | None = None
    high: float | None = None
    log: bool = False
    """Whether the logarithm is drawn uniformly."""
    integer: bool = False
    when: Mapping[str, Choice] = field(default_factory=dict)
    """Values that earlier parameters must have for this one to be read. A parameter that the space lacks keeps its
    default, which is such a value."""
    help: str = ""

    def __post_init__(self) -> None:
        if self.choices:
            ok = len(self.choices) > 1 and self.low is None and self.high is None and not (self.log or self.integer)
            ok &= isinstance(self.choices, Mapping) or all(_plain(value) for value in self.choices)
        elif self.low is None or self.high is None:
            ok = False
        else:
            ok = self._has_range()
        if not ok:
            given = f"choices {self.choices!r:.80}" if self.choices else f"low {self.low!r} and high {self.high!r}"
            raise UserError(
                f"the parameter {self.name} has {given}; expected two or more choices (true, false, numbers or words, "
                "or settings by name), or numbers low < high, above 0 with log, whole with integer"
            )

    def _has_range(self) -> bool:
        kinds = (int,) if self.integer else (int, float)
        if type(self.low) not in kinds or type(self.high) not in kinds:
            return False
        low, high = self.range
        return math.isfinite(low) and math.isfinite(high) and low < high and (low > 0 or not self.log)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest number of a parameter without choices."""
        assert self.low is not None and self.high is not None
        return self.low, self.high

    def changes(self, value: Any) -> dict[str, Setting]:
        """The settings that a value of the parameter changes."""
        return dict(self.choices[value]) if isinstance(self.choices, Mapping) else {self.name: value}

    @property
    def levels(self) -> str:
        """``true, false`` or ``0.1 to 10, log``."""
        if self.choices:
            return ", ".join(map(_word, self.choices))
        return f"{self.low:g} to {self.high:g}" + ", log" * self.log + ", whole" * self.integer

    @property
    def condition(self) -> str:
        """``fgsa = true``; empty: the parameter is always read."""
        return ", ".join(f"{name} = {_word(value)}" for name, value in self.when.items())


Space = tuple[Param, ...]
_UNREAD = object()


def suggest(space: Space, ask: Callable[[Param], Choice]) -> dict[str, Choice]:
    """A value for each parameter that is read, given the values before it.

    Args:
        space: parameters, each after those that it depends on.
        ask: returns the value of a parameter.
    """
    values: dict[str, Choice] = {}
    names = {param.name for param in space}
    for param in space:
        if all(name not in names or values.get(name, _UNREAD) == value for name, value in param.when.items()):
            values[param.name] = ask(param)
    return values


def changes_of(space: Space, values: Mapping[str, Any]) -> dict[str, Setting]:
    """The settings that the values of parameters change."""
    changes: dict[str, Setting] = {}
    for param in space:
        if param.name in values:
            changes |= param.changes(values[param.name])
    return changes


def defaults(space: Space, settings: Settings) -> dict[str, Choice]:
    """The parameters' values that stand for the default settings; empty if the space excludes one of the defaults.

    Args:
        space: a space of the method.
        settings: the method's default settings, those of its recipe included.
    """
    outside = []

    def ask(param: Param) -> Any:
        value, inside = _default(param, settings)
        outside.append(not inside)
        return value

    values = suggest(space, ask)
    return {} if any(outside) else values


def _default(param: Param, settings: Settings) -> tuple[Any, bool]:
    """A parameter's value that stands for the default settings, and whether the parameter can have it."""
    if isinstance(param.choices, Mapping):
        name = next((name for name, changed in param.choices.items() if not changed), None)
        return name, name is not None
    value: Any = settings[param.name]
    if param.choices:
        return value, value in param.choices
    low, high = param.range
    return value, low <= value <= high


def union(spaces: Mapping[str, Space]) -> Space:
    """The parameters of several spaces, each once."""
    return tuple({param.name: param for space in spaces.values() for param in space}.values())


def space_hash(space: Space) -> str:
    """16 hex digits over the parameters, apart from their explanations."""
    return digest([{**asdict(param), "help": ""} for param in space])


def read_space(path: Path) -> Space:
    """A space from a YAML file: ``loss_fine: {low: 0.1, high: 10, log: true, when: {fgsa: true}}`` for each parameter.

    Raises:
        UserError: for a file that is missing or no such mapping, an unknown key, a parameter that is not valid, or one
            that depends on a parameter that does not come before it.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict) or not raw:
        raise UserError(f"the space {path} is {raw!r:.60}; expected a mapping of parameters, such as {_EXAMPLE}")
    return tuple(_params(path, raw))


_EXAMPLE = "loss_fine: {low: 0.1, high: 10, log: true} or fgsa: {choices: [true, false]}"


def _params(path: Path, raw: Mapping[Any, Any]) -> Iterator[Param]:
    valid = [one.name for one in fields(Param) if one.name != "name"]
    before: list[str] = []
    for name, given in raw.items():
        if not isinstance(name, str) or not isinstance(given, dict):
            raise UserError(f"{path}: {name!r} is {given!r:.60}; expected a parameter such as {_EXAMPLE}")
        for key in given:
            if key not in valid:
                raise UserError(f"{path}: the parameter {name} has the key {key!r}; {nearest(str(key), valid)}")
        choices = given.get("choices", ())
        if isinstance(choices, dict):
            fits = all(isinstance(key, str) and isinstance(value, dict) for key, value in choices.items())
        else:
            fits, choices = isinstance(choices, (list, tuple)), tuple(choices)
        when = given.get("when", {})
        if not fits or not isinstance(when, dict):
            raise UserError(f"{path}: choices or when of the parameter {name} cannot be read; expected {_EXAMPLE}")
        for other in when:
            if other not in before:
                raise UserError(f"{path}: {name} depends on {other!r}, expected one of the parameters before it")
        before.append(name)
        try:
            yield Param(name=name, **{**given, "choices": choices})
        except UserError as error:
            raise UserError(f"{path}: {error}") from None


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
