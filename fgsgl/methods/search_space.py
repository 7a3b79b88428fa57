"""Search spaces: what may be searched of a method, declared beside it or read from a YAML file. Imports no Optuna."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from fgsgl.records.identity import digest
from fgsgl.util.errors import UserError, nearest

ALL = "all"
"""The union of a method's spaces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Param:
    """One thing that a search chooses: among some choices, or a number between two.

    Raises:
        UserError: for neither or both, or a range that is none.
    """

    name: str
    """A setting of the method, ``recipe.lr`` and so on; with choices that are mappings, any name."""
    choices: tuple[Any, ...] | Mapping[str, Mapping[str, Any]] = ()
    """Plain values; or by a name for each, the settings that it changes (none: it changes nothing)."""
    low: float | None = None
    high: float | None = None
    log: bool = False
    """Draw the number's logarithm evenly."""
    integer: bool = False
    when: Mapping[str, Any] = field(default_factory=dict)
    """Earlier parameters, and the value of each under which this one is read. One that the space does not have keeps
    its default, under which it is."""
    help: str = ""

    def __post_init__(self) -> None:
        if self.choices:
            ok = len(self.choices) > 1 and self.low is None and self.high is None and not (self.log or self.integer)
            ok &= isinstance(self.choices, Mapping) or all(_plain(value) for value in self.choices)
        elif self.low is None or self.high is None:
            ok = False
        else:
            kinds = (int,) if self.integer else (int, float)
            ok = all(type(end) in kinds and math.isfinite(end) for end in (self.low, self.high))
            ok = ok and self.low < self.high and (self.low > 0 or not self.log)
        if not ok:
            given = f"choices {self.choices!r:.80}" if self.choices else f"low {self.low!r} and high {self.high!r}"
            raise UserError(
                f"the parameter {self.name} has {given}; expected two or more choices (true, false, numbers or words, "
                "or settings by name), or numbers low < high, above 0 with log, whole with integer (1.0e-3, not 1e-3)"
            )

    def changes(self, value: Any) -> dict[str, Any]:
        """What a value of it changes of the method."""
        return dict(self.choices[value]) if isinstance(self.choices, Mapping) else {self.name: value}

    @property
    def levels(self) -> str:
        """``true, false`` or ``0.1 to 10, log``."""
        if self.choices:
            return ", ".join(map(_word, self.choices))
        return f"{self.low:g} to {self.high:g}" + ", log" * self.log + ", whole" * self.integer

    @property
    def condition(self) -> str:
        """``fgsa = true``; empty: it is always read."""
        return ", ".join(f"{name} = {_word(value)}" for name, value in self.when.items())


Space = tuple[Param, ...]
_UNREAD = object()


def suggest(space: Space, ask: Callable[[Param], Any]) -> dict[str, Any]:
    """A value for each parameter that is read under those before it.

    Args:
        space: whose parameters come after those that they depend on.
        ask: gives a parameter's value.
    """
    values: dict[str, Any] = {}
    names = {param.name for param in space}
    for param in space:
        if all(name not in names or values.get(name, _UNREAD) == value for name, value in param.when.items()):
            values[param.name] = ask(param)
    return values


def changes_of(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of a variant that some values stand for."""
    changes: dict[str, Any] = {}
    for param in space:
        if param.name in values:
            changes |= param.changes(values[param.name])
    return changes


def defaults(space: Space, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values under which the method is as it is; empty where the space leaves one of its defaults out.

    Args:
        space: of the method.
        settings: of the method without changes, those of its recipe among them.
    """
    outside = []

    def ask(param: Param) -> Any:
        if isinstance(param.choices, Mapping):
            value = next((name for name, changed in param.choices.items() if not changed), None)
            outside.append(value is None)
            return value
        value = settings[param.name]
        inside = value in param.choices if param.choices else param.low <= value <= param.high
        outside.append(not inside)
        return value

    values = suggest(space, ask)
    return {} if any(outside) else values


def union(spaces: Mapping[str, Space]) -> Space:
    """Every parameter of several spaces once."""
    return tuple({param.name: param for space in spaces.values() for param in space}.values())


def space_hash(space: Space) -> str:
    """16 hex digits over what is searched; the explanations are no part of it."""
    return digest([{**asdict(param), "help": ""} for param in space])


def read_space(path: Path) -> Space:
    """A space from a YAML file: ``loss_fine: {low: 0.1, high: 10, log: true, when: {fgsa: true}}`` for each parameter.

    Raises:
        UserError: for a file that is missing or no such mapping, an unknown key, a parameter that is none, or one
            that depends on none before it.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"the space {path} cannot be read: {' '.join(str(error).split())}") from None
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
