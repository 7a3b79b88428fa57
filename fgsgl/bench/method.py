"""What a method is: a recognizer with its training recipe. Imports no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fgsgl.bench.identity import LABEL, LATER, identity, without
from fgsgl.bench.protocol import Protocol
from fgsgl.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np

    from fgsgl.data.cliptable import Clip, ClipTable


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """What a recognizer must know of the classes."""

    count: int
    text: str
    """FG-Text: a shipped one's name, or a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a method is trained; the number of epochs and the batch size belong to the protocol."""

    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.1
    """Share of the training in which the rate rises linearly; it then falls to zero as half a cosine."""
    clip_grad: float = 1.0
    """Largest norm of the gradient."""
    source: str
    """Where the values come from."""
    family: str = field(default="", metadata=LABEL)
    """What kind of network it is for; see :mod:`fgsgl.bench.recipes`."""
    optimizer: str = field(default="AdamW", metadata=LATER)
    """``AdamW``, or ``SGD`` with Nesterov's momentum of 0.9."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A recognizer with its training recipe. A file in ``baselines/`` offers one as ``METHOD``."""

    name: str
    """What the command line calls it: the file's name."""
    display_name: str
    paper: str
    """Where the method was published."""
    kind: str = "method"
    """``method``; ``floor`` (sees no video) or ``ceiling`` (knows the truth), which every board carries."""
    datasets: tuple[str, ...] = ()
    """The data sets it can run on; empty: all."""
    modality: str = "rgb"
    """What it reads: ``rgb`` frames, ``skeleton`` joints, or ``none``."""
    unavailable: str = ""
    """Why it cannot run here; empty: it can."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Every setting that a variant may change, with its default."""
    later: Mapping[str, Any] = field(default_factory=dict)
    """Those of the settings that came after records had been made; see :mod:`fgsgl.bench.identity`."""
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
        """The settings with some changed.

        Raises:
            UserError: for an unknown setting.
        """
        for name in changes:
            if name not in self.settings:
                raise UserError(f"{self.name} has no setting {name!r}; {nearest(name, list(self.settings))}")
        return {**self.settings, **changes}

    def describe(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What a record keeps of the method: display name, resolved settings and recipe, in plain values."""
        recipe = dataclasses.asdict(self.recipe) if self.recipe else None
        return {"display_name": self.display_name, "settings": self.resolve(changes), "recipe": recipe}

    def identity(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What a cell's id is made of: the same, without what changes no result."""
        recipe = identity(self.recipe) if self.recipe else None
        return {**self.describe(changes), "settings": without(self.resolve(changes), self.later), "recipe": recipe}
