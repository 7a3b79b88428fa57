"""A method: a recognizer with its training recipe. Imports no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import msgspec

from fgsgl.methods.search_space import Space
from fgsgl.records.identity import LABEL, LATER, identity, without
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Kind, MethodConfig
from fgsgl.util.domain import Numbers, require
from fgsgl.util.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np

    from fgsgl.data.clip_table import Clip, ClipTable

Plain = bool | int | float | str
Setting = Plain | list[Plain] | None
"""The value of a setting, as a config file or a record holds it."""
Settings = Mapping[str, Setting]
ModelConfig = dict[str, Any]
"""MMEngine's config of a model."""
Modality = Literal["rgb", "skeleton", "none"]
"""The input of a method: frames, joints, or no video at all."""

KINDS = ("method", "floor", "ceiling")
RECIPE = "recipe."
"""Prefix of a recipe's settings among the changes of a variant: ``recipe.lr``."""
TUNABLE = {
    "lr": Numbers(0, 100, above=True),
    "weight_decay": Numbers(0, 100),
    "warmup": Numbers(0, 1, below=True),
    "clip_grad": Numbers(0, 1e6, above=True),
}
"""The recipe's settings that a variant may change, with their domains."""
SHARED_DOMAINS = {
    "dropout": Numbers(0, 1, below=True),
    "lora_rank": Numbers(1, 4096),
    "lora_alpha": Numbers(0, 1e6, above=True),
    "share": Numbers(0, 8, above=True),
    "layers": Numbers(0, 64),
    "prompt_layers": Numbers(0, 64),
    "shift_div": Numbers(1, 4096),
    "embedding_weight": Numbers(0, 1e6),
    "sigma": Numbers(0, 1e3, above=True),
}
"""Domains of settings that mean the same in every method that has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """The classes of a data set, as a recognizer needs them."""

    count: int
    text: str
    """FG-Text: the name of a shipped one, or a file."""
    unseen: tuple[int, ...] = ()
    """Classes without a clip in training, whose columns no training loss may read."""

    @classmethod
    def of(cls, names: Sequence[str], text: str, protocol: Protocol) -> Self:
        """The classes of a data set under a protocol, which may hold some of them out.

        Raises:
            UserError: as :func:`fgsgl.data.regime.held_out`.
        """
        return cls(count=len(names), text=text, unseen=protocol.regime.held_out(names))


BuildModel = Callable[[Protocol, Classes, Settings], ModelConfig]
"""(protocol, classes, settings) -> config of the recognizer."""
Pretraining = Callable[[Protocol, Settings], str]
"""(protocol, settings) -> name and hash of the weights that the recognizer starts from."""


TextScores = Callable[[Settings], tuple[str, ...]]
"""(settings) -> names of the scores that compare a clip with class text."""


def no_text_scores(settings: Settings) -> tuple[str, ...]:
    """None: the classes are the rows of a layer that training fills."""
    return ()


def by_text(settings: Settings) -> tuple[str, ...]:
    """The only score of the method is one by class text."""
    return ("combined",)


def no_pretraining(protocol: Protocol, settings: Settings) -> str:
    """``none``: the recognizer starts from random weights."""
    return "none"


def _nothing(changes: Settings) -> Settings:
    """No setting follows from others."""
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a method is trained; the number of epochs and the batch size belong to the protocol.

    Raises:
        UserError: for a value outside its range.
    """

    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.1
    """Share of the training in which the learning rate rises linearly; it then falls to zero as half a cosine."""
    clip_grad: float = 1.0
    """Largest norm of the gradient."""
    source: str
    """Origin of the values."""
    family: str = field(default="", metadata=LABEL)
    """Family of networks; see :mod:`fgsgl.methods.recipes`."""
    optimizer: Literal["AdamW", "SGD"] = field(default="AdamW", metadata=LATER)
    """``AdamW``, or ``SGD`` with Nesterov's momentum of 0.9."""

    def __post_init__(self) -> None:
        for name, domain in TUNABLE.items():
            object.__setattr__(self, name, require(f"{RECIPE}{name}", getattr(self, name), float, domain))


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A recognizer with its training recipe. Each file in ``baselines/`` offers one as ``METHOD``.

    What a method can do is said by its fields: a method with a ``model`` has a recognizer, one with a ``recipe`` is
    trained, one with ``scores`` (a floor or ceiling) needs no recognizer, one that is ``unavailable`` is only listed.

    Raises:
        UserError: for an unknown kind or modality, or fields that do not fit together.
    """

    name: str
    """Name on the command line, equal to the file's name."""
    display_name: str
    paper: str
    """The publication of the method."""
    kind: Kind = "method"
    """``method``; ``floor`` (sees no video) or ``ceiling`` (knows the truth), which every board shows."""
    datasets: tuple[str, ...] = ()
    """The data sets it can run on; empty: all."""
    modality: Modality = "rgb"
    unavailable: str = ""
    """Why it cannot run here; empty: it can."""
    settings: Settings = field(default_factory=dict)
    """Every setting that a variant may change, with its default; the recipe's come on top, as ``recipe.lr``."""
    later: Settings = field(default_factory=dict)
    """Settings that were added after records had been made, with their defaults; see :mod:`fgsgl.records.protocol`."""
    implied: Callable[[Settings], Settings] = _nothing
    """Settings that follow from the changes of a variant where these do not name them."""
    spaces: Mapping[str, Space] = field(default_factory=dict)
    """Search spaces by name; every trained method also has that of its recipe (:mod:`fgsgl.methods.recipes`)."""
    recipe: Recipe | None = None
    """None: nothing is trained, and nothing is random, so that one seed is enough."""
    model: BuildModel | None = None
    reads_text: bool = False
    """Whether predictions depend on FG-Text."""
    text_scores: TextScores = no_text_scores
    """Scores (``combined``, ``category``, ``fine``) that compare a clip with class text, so that they can name a class
    without any training clip; see :func:`by_text`. Where ``combined`` is none of them, it gives such a class
    probability 0. Where it is one, a part of it that reads no text may be neutral instead: FG-SGL's ``category`` with a
    linear head gives such a class the mean of the seen classes' logits, so that ``fine`` decides."""
    rows: Callable[[Settings], bool] | None = None
    """(settings) -> whether a weight belongs to a class, so that what was trained on some classes cannot be told others
    by their text. None: all do unless ``combined`` is one of the :attr:`text_scores`."""
    hooks: tuple[Mapping[str, Any], ...] = ()
    """MMEngine configs of the hooks that the recognizer needs."""
    scores: Callable[[ClipTable, Sequence[Clip], Sequence[Clip], int, Protocol], np.ndarray] | None = None
    """A floor's or ceiling's (table, training clips, clips to score, seed, protocol) -> scores_NC, probabilities. It
    gets no more of the protocol than :func:`fgsgl.methods.bound_scores.seen_of`."""
    pretraining: Pretraining = no_pretraining

    def __post_init__(self) -> None:
        for name, valid in (("kind", KINDS), ("modality", get_args(Modality))):
            value = getattr(self, name)
            if value not in valid:
                raise UserError(f"{self.name}: {name} is {value!r}; {nearest(str(value), valid)}")
        if self.kind == "method" and self.model is None and not self.unavailable:
            raise UserError(f"{self.name}: a method needs `model`, or `unavailable` with the reason")
        if self.kind != "method" and self.scores is None:
            raise UserError(f"{self.name}: a {self.kind} needs `scores`")
        if self.recipe is not None and self.model is None:
            raise UserError(f"{self.name}: a recipe trains a `model`, which is missing")

    def runs_on(self, protocol: Protocol) -> bool:
        """Whether it can run on the data set, and on the one that is trained on."""
        read = {protocol.dataset, *([protocol.trained_on.dataset] if protocol.trained_on else [])}
        return not self.datasets or read <= set(self.datasets)

    def knows_by_text(self, changes: Settings) -> bool:
        """Whether its recognizer, trained on some classes, can name others by their text alone.

        Raises:
            UserError: for an unknown setting.
        """
        settings = self.resolve(changes)
        by_text = "combined" in self.text_scores(settings)
        return by_text and not (self.rows is not None and self.rows(settings))

    def resolve(self, changes: Settings) -> dict[str, Setting]:
        """The settings with some of them changed; changes of the recipe are left to :meth:`recipe_with`.

        Raises:
            UserError: for an unknown setting.
        """
        for name in changes:
            if name not in self.flat:
                raise UserError(f"{self.name} has no setting {name!r}; {nearest(name, list(self.flat))}")
        changed = {**self.implied(changes), **changes}
        return {name: _as_default(changed.get(name, default), default) for name, default in self.settings.items()}

    def recipe_with(self, changes: Settings) -> Recipe | None:
        """The recipe with the changes whose names begin with ``recipe.``; None: nothing is trained.

        Raises:
            UserError: for a value that a recipe cannot have.
        """
        changed: dict[str, Any] = {name: changes[f"{RECIPE}{name}"] for name in TUNABLE if f"{RECIPE}{name}" in changes}
        return dataclasses.replace(self.recipe, **changed) if self.recipe else None

    @property
    def flat(self) -> dict[str, Setting]:
        """Every setting that a variant may change, those of the recipe included, with its default."""
        return {**self.settings, **{f"{RECIPE}{name}": getattr(self.recipe, name) for name in TUNABLE if self.recipe}}

    def changes_in(self, config: MethodConfig) -> dict[str, Setting]:
        """The settings in a record's config that differ from the defaults, or from what these imply; the reverse of
        :meth:`describe`."""
        recipe = config.recipe or {}
        tuned = {f"{RECIPE}{name}": recipe[name] for name in TUNABLE if name in recipe}
        known = {**self.later, **config.settings, **tuned}
        changes = {name: value for name, value in known.items() if self.flat.get(name) != value}
        implied = self.implied(changes)
        return {**changes, **{name: known[name] for name in implied if known.get(name, implied[name]) != implied[name]}}

    def describe(self, changes: Settings) -> MethodConfig:
        """The config that a record keeps: display name, resolved settings and recipe, as plain values."""
        recipe = self.recipe_with(changes)
        return MethodConfig(
            display_name=self.display_name,
            settings=self.resolve(changes),
            recipe=dataclasses.asdict(recipe) if recipe else None,
        )

    def identity(self, changes: Settings) -> dict[str, Any]:
        """The method's part of a cell's id: its config without what changes no result."""
        return config_identity(self.describe(changes), self.later)


def _as_default(value: Setting, default: Setting) -> Setting:
    """A whole number that says the default of a setting of floats is this default, so that it is no other cell."""
    return default if type(value) is int and type(default) is float and value == default else value


def config_identity(config: MethodConfig, later: Settings) -> dict[str, Any]:
    """The part of a cell's id that stands for the config of its method.

    Args:
        config: of the cell.
        later: settings that were added after records had been made, with the values that these have.

    Raises:
        UserError: for a recipe with an unknown key, or a value that a recipe cannot have.
    """
    return {
        "display_name": config.display_name,
        "settings": without(config.settings, later),
        "recipe": identity(_recipe(config.recipe)) if config.recipe else None,
    }


def _recipe(values: Mapping[str, float | str]) -> Recipe:
    if unknown := values.keys() - {field.name for field in dataclasses.fields(Recipe)}:
        raise UserError(f"the recipe has the unknown key {min(unknown)!r}")
    try:
        return msgspec.convert(dict(values), Recipe)
    except msgspec.ValidationError as error:
        raise UserError(f"the recipe cannot be: {error}") from None
