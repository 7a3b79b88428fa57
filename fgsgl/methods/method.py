"""What a method is: a recognizer with its training recipe. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fgsgl.methods.search_space import Space
from fgsgl.records.identity import LABEL, LATER, identity, without
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Kind, MethodConfig
from fgsgl.util.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np

    from fgsgl.data.clip_table import Clip, ClipTable

RECIPE = "recipe."
"""What a change of the recipe begins with: ``recipe.lr``."""
TUNABLE: dict[str, tuple[Callable[[float], bool], str]] = {
    "lr": (lambda value: value > 0, "a number above 0"),
    "weight_decay": (lambda value: value >= 0, "0 or more"),
    "warmup": (lambda value: 0 <= value < 1, "0 or more, and less than 1"),
    "clip_grad": (lambda value: value > 0, "a number above 0"),
}
"""What a variant may change of its method's recipe, and the values that it may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """What a recognizer must know of the classes."""

    count: int
    text: str
    """FG-Text: a shipped one's name, or a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a method is trained; the number of epochs and the batch size belong to the protocol.

    Raises:
        UserError: for a value outside its range.
    """

    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.1
    """Share of the training in which the rate rises linearly; it then falls to zero as half a cosine."""
    clip_grad: float = 1.0
    """Largest norm of the gradient."""
    source: str
    """Where the values come from."""
    family: str = field(default="", metadata=LABEL)
    """What kind of network it is for; see :mod:`fgsgl.methods.recipes`."""
    optimizer: str = field(default="AdamW", metadata=LATER)
    """``AdamW``, or ``SGD`` with Nesterov's momentum of 0.9."""

    def __post_init__(self) -> None:
        for name, (fits, expected) in TUNABLE.items():
            value = getattr(self, name)
            if type(value) not in (int, float) or not math.isfinite(value) or not fits(value):
                raise UserError(f"{RECIPE}{name} is {value!r}, expected {expected}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A recognizer with its training recipe. A file in ``baselines/`` offers one as ``METHOD``."""

    name: str
    """What the command line calls it: the file's name."""
    display_name: str
    paper: str
    """Where the method was published."""
    kind: Kind = "method"
    """``method``; ``floor`` (sees no video) or ``ceiling`` (knows the truth), which every board carries."""
    datasets: tuple[str, ...] = ()
    """The data sets it can run on; empty: all."""
    modality: str = "rgb"
    """What it reads: ``rgb`` frames, ``skeleton`` joints, or ``none``."""
    unavailable: str = ""
    """Why it cannot run here; empty: it can."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Every setting that a variant may change, with its default; those of the recipe are ``recipe.lr`` and so on."""
    later: Mapping[str, Any] = field(default_factory=dict)
    """Those of the settings that came after records had been made; see :mod:`fgsgl.records.protocol`."""
    spaces: Mapping[str, Space] = field(default_factory=dict)
    """What a search may choose, by the name of the space; every recipe has one more
    (:mod:`fgsgl.methods.recipes`)."""
    recipe: Recipe | None = None
    """None: nothing is trained, and nothing is random; one seed serves for all."""
    model: Callable[[Protocol, Classes, Mapping[str, Any]], dict[str, Any]] | None = None
    """(protocol, classes, settings) -> MMEngine model config."""
    reads_text: bool = False
    """Whether FG-Text is part of what it computes."""
    hooks: tuple[Mapping[str, Any], ...] = ()
    """MMEngine configs of the hooks that the recognizer needs."""
    scores: Callable[[ClipTable, Sequence[Clip], Sequence[Clip], int], np.ndarray] | None = None
    """Of a floor or ceiling: (table, training clips, clips to score, seed) -> scores_NC, probabilities."""
    pretraining: Callable[[Protocol, Mapping[str, Any]], str] = lambda protocol, settings: "none"
    """(protocol, settings) -> name and hash of the weights it starts from."""

    def resolve(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with some changed; changes of the recipe are left to :meth:`recipe_with`.

        Raises:
            UserError: for an unknown setting.
        """
        for name in changes:
            if name not in self.flat:
                raise UserError(f"{self.name} has no setting {name!r}; {nearest(name, list(self.flat))}")
        return {**self.settings, **{name: value for name, value in changes.items() if name in self.settings}}

    def recipe_with(self, changes: Mapping[str, Any]) -> Recipe | None:
        """The recipe with what ``recipe.<name>`` among the changes says; None: nothing is trained.

        Raises:
            UserError: for a value that a recipe cannot have.
        """
        changed = {name: changes[f"{RECIPE}{name}"] for name in TUNABLE if f"{RECIPE}{name}" in changes}
        return dataclasses.replace(self.recipe, **changed) if self.recipe else None

    @property
    def flat(self) -> dict[str, Any]:
        """Whatever a variant may change, with its default."""
        return {**self.settings, **{f"{RECIPE}{name}": getattr(self.recipe, name) for name in TUNABLE if self.recipe}}

    def changes_in(self, config: MethodConfig) -> dict[str, Any]:
        """The changes that :meth:`describe` has told of: what a record's config has other than the defaults are."""
        recipe = config.recipe or {}
        tuned = {f"{RECIPE}{name}": recipe[name] for name in TUNABLE if name in recipe}
        known = {**config.settings, **tuned}
        return {name: value for name, value in known.items() if self.flat.get(name) != value}

    def describe(self, changes: Mapping[str, Any]) -> MethodConfig:
        """What a record keeps of the method: display name, resolved settings and recipe, in plain values."""
        recipe = self.recipe_with(changes)
        return MethodConfig(
            display_name=self.display_name,
            settings=self.resolve(changes),
            recipe=dataclasses.asdict(recipe) if recipe else None,
        )

    def identity(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The method's part of a cell's id: as :meth:`describe`, without what changes no result."""
        recipe = self.recipe_with(changes)
        return {
            "display_name": self.display_name,
            "settings": without(self.resolve(changes), self.later),
            "recipe": identity(recipe) if recipe else None,
        }
