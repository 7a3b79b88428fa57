"""Every setting of FG-SGL, with its default and its meaning. This module imports no torch.

The paper's abstract gives the parts (LoRA, FG-SA, CP-A, FG-Text, coarse-to-fine optimisation); every number here is
ours. README.md has a table of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Annotated, Any

from fgsgl.text.fgtext import CONTROLS, DIMENSIONS
from fgsgl.util.domain import SEEDS, Numbers, require_domains
from fgsgl.util.errors import UserError, nearest

CHOICES: dict[str, tuple[str, ...]] = {
    "temporal": ("transformer", "mean"),
    "head": ("text", "linear", "both"),
    "schedule": ("coarse_to_fine", "joint", "fine_to_coarse"),
    "text_control": CONTROLS,
    "text_draw": ("cell", "once"),
    "autocast": ("native", "bf16", "none"),
}
TAPS = ("early", "middle", "late")
LORA_TARGETS = ("q", "k", "v", "o", "mlp")
_PLAIN: dict[Any, type] = {"bool": bool, "str": str}
EARLIER = "earlier"
"""Key of a field's metadata: the value that records have which are older than the setting."""
_WEIGHT = Numbers(0, 3e38)  # a training computes in 32 bits


@dataclass(frozen=True, kw_only=True, slots=True)
class FGSGLConfig:
    """The settings of :class:`fgsgl.models.fgsgl.recognizer.FGSGL`. What is switched off is not built.

    Raises:
        UserError: for a value outside its range, or settings under which nothing would be trained.
    """

    num_classes: Annotated[int, Numbers(1, 1_000_000)]
    """C."""
    unseen: tuple[int, ...] = ()
    """Classes without a clip in training: no loss and no calibration reads their columns."""
    text: str = "smg"
    """FG-Text: the name of a shipped one (``smg``, ...), or the path of a YAML file."""
    tower: str = "synmg-tiny"
    """An open_clip model with a transformer as its visual tower, such as ``ViT-B-16``."""
    pretrained: str | None = "synmg-tiny"
    """A tag of open_clip's for the tower, the path of a weights file, or None: random weights, always the same."""
    image_size: Annotated[int, Numbers(1, 4096)] = 112
    """Side of a frame in pixels."""
    num_frames: Annotated[int, Numbers(1, 4096)] = 8
    """T."""
    tap: str | int = "middle"
    """The block whose patch tokens FG-SA reads: ``early`` (1/3 of the depth), ``middle`` (2/3), ``late`` (the last),
    or the number of a block, from 1."""
    temporal: str = "transformer"
    """Temporal encoder of the frames' embeddings: one transformer layer, then the mean; or the ``mean`` alone."""
    temporal_pretrained: bool = True
    """The transformer starts from the one that was pretrained with the tower, where the weights bring one (those of
    ``synmg-tiny`` do); else it starts as the mean."""
    lora: bool = True
    """Tune the visual tower by LoRA; else it is frozen."""
    lora_rank: Annotated[int, Numbers(1, 4096)] = 8
    """Rank of each weight's update."""
    lora_alpha: Annotated[float, Numbers(0, 1e6, above=True)] = 16.0
    """The update is scaled by ``lora_alpha / lora_rank``."""
    lora_targets: tuple[str, ...] = LORA_TARGETS
    """Adapted weights of a block: the attention's ``q``, ``k``, ``v`` and output ``o``, and both of the ``mlp``."""
    fgsa: bool = True
    """Fine-grained semantic alignment: a local embedding of the clip for each dimension of FG-Text."""
    motion_difference: bool = True
    """FG-SA reads each patch token together with its change until the next frame; else the token alone."""
    guidance: bool = True
    """Add FG-SA's embeddings to the video's, through gates that start at zero."""
    fine_from_video: bool = field(default=True, metadata={EARLIER: False})
    """FG-SA's embeddings are added to the video's, which comes from the pretrained tower: they start in the space of
    its text. Else they start from nothing, as in earlier records."""
    cpa: bool = True
    """Category prompt alignment: the video is contrasted with category text; else a linear layer classifies it."""
    head: str = "text"
    """Source of the category score: category ``text``, a ``linear`` layer instead of it (the same as
    ``cpa=False``), or ``both``, their logits averaged."""
    learned_prompts: bool = True
    """Category text also holds a prompt of learned context tokens before the class name."""
    context_tokens: Annotated[int, Numbers(1, 64)] = 4
    """Number of learned context tokens, K."""
    loss_category: Annotated[float, _WEIGHT] = 1.0
    """Weight of the category level's loss; with 0 the level is absent from training and from the score."""
    loss_fine: Annotated[float, _WEIGHT] = 3.0
    """Weight of the fine level's loss; with 0 the level is absent from training and from the score, and FG-SA is
    only an architecture ("module-only")."""
    fine_v2t: bool = True
    """The fine loss from video to text: which text fits this clip."""
    fine_t2v: bool = True
    """The fine loss from text to video: which clips of the batch fit this text."""
    schedule: str = "coarse_to_fine"
    """Course of the levels' weights over the training; see :func:`fgsgl.models.fgsgl.losses.level_weights`."""
    stage: Annotated[float, Numbers(0, 0.5, above=True)] = field(default=0.1, metadata={EARLIER: 1 / 3})
    """Share of the training in which the first level trains alone, and in which the other's weight then rises."""
    multi_positive: bool = True
    """Classes that share a dimension's sentences are positives of each other there, instead of negatives."""
    dimensions: tuple[str, ...] = DIMENSIONS
    """The dimensions of FG-Text in use."""
    dimension_weights: tuple[float, ...] = ()
    """Weight of each of ``dimensions`` in the fine loss; empty: all 1."""
    text_control: str = "true"
    """``shuffled`` (other classes' sentences), ``names`` (only the class name), ``random`` (random unit vectors) or
    ``static`` (none of the motion) instead of the ``true`` FG-Text; see :data:`fgsgl.text.fgtext.CONTROLS`."""
    text_seed: Annotated[int, SEEDS] = 0
    """Seed of the shuffled and the random text, which a variant may give in place of ``text_draw``: all its seeds then
    share that draw. It is the cell's own seed where ``text_draw`` is ``cell``."""
    text_draw: str = field(default="once", metadata={EARLIER: "once"})
    """``cell``, which a text control without a ``text_seed`` implies: shuffled and random text is drawn anew for each
    seed, and shuffled text leaves no class the sentences that it has in a dimension, while classes that share them
    still do. ``once``, as in earlier records: all seeds share a draw, and shuffled text moves whole classes, so that a
    class keeps what it shares with the other one."""
    fine_at_test: bool = True
    """The fine score takes part in the prediction; else it only trains."""
    label_smoothing: Annotated[float, Numbers(0, 1, below=True)] = 0.0
    """Label smoothing of the category level: in the linear layer's cross-entropy, and from video to category text."""
    temperature: Annotated[float, Numbers(1e-4, 1e4)] = 0.07
    """Temperature at the start of both contrastive losses; it is learned."""
    logit_scale_max: Annotated[float, Numbers(1e-4, 1e6)] = 100.0
    """The inverse temperature stays in [1, this]."""
    autocast: str = "native"
    """Precision of tower, temporal encoder and FG-SA, by default bf16 where the device computes it natively; losses and
    scores are always fp32."""

    def __post_init__(self) -> None:
        require_domains(self, lambda name: f"FG-SGL's setting {name}")
        for one in fields(self):
            if one.type in _PLAIN:
                value, kind = getattr(self, one.name), _PLAIN[one.type]
                _check(one.name, value, type(value) is kind, f"a value of type {one.type}")
        for name in ("unseen", "lora_targets", "dimensions", "dimension_weights"):
            _check(name, getattr(self, name), isinstance(getattr(self, name), tuple), "a list")
        for name, choices in CHOICES.items():
            _check(name, getattr(self, name), getattr(self, name) in choices, f"one of {', '.join(choices)}")
        _check("logit_scale_max", self.logit_scale_max, self.logit_scale_max >= 1 / self.temperature, "1/temperature+")
        block = isinstance(self.tap, int) and not isinstance(self.tap, bool) and self.tap >= 1
        _check("tap", self.tap, block or self.tap in TAPS, f"one of {', '.join(TAPS)}, or a block number from 1")
        _check_subset("lora_targets", self.lora_targets, LORA_TARGETS)
        _check_subset("dimensions", self.dimensions, DIMENSIONS)
        fits = len(self.dimension_weights) in (0, len(self.dimensions)) and all(map(_is_weight, self.dimension_weights))
        _check("dimension_weights", self.dimension_weights, fits, f"{len(self.dimensions)} numbers above 0, or none")
        object.__setattr__(self, "dimension_weights", tuple(map(float, self.dimension_weights)))
        if not self.has_category and not self.has_fine:
            raise UserError(
                "FG-SGL with loss_category=0 and no fine loss has nothing to train: set loss_category or loss_fine "
                "above 0 (the fine loss needs fgsa, and fine_v2t or fine_t2v)"
            )

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> FGSGLConfig:
        """A config from plain values; lists become tuples.

        Raises:
            UserError: for an unknown or a missing setting, with the nearest names.
        """
        valid = [one.name for one in fields(cls)]
        for name in settings:
            if name not in valid:
                raise UserError(f"FG-SGL has no setting {name!r}; {nearest(name, valid)}")
        for one in fields(cls):
            if one.default is MISSING and one.name not in settings:
                raise UserError(f"FG-SGL needs the setting {one.name!r}")
        values = dict(settings)
        values |= {name: tuple(value) for name, value in settings.items() if isinstance(value, list)}
        return cls(**values)

    @property
    def has_category(self) -> bool:
        """Whether the category level trains and scores."""
        return self.loss_category > 0

    @property
    def has_fine(self) -> bool:
        """Whether the fine level trains and scores."""
        return self.fgsa and self.loss_fine > 0 and (self.fine_v2t or self.fine_t2v)

    @property
    def has_text_head(self) -> bool:
        """Whether the video is compared with category text."""
        return self.has_category and self.cpa and self.head != "linear"

    @property
    def has_linear_head(self) -> bool:
        """Whether a linear layer classifies the video."""
        return self.has_category and not (self.cpa and self.head == "text")

    @property
    def text_scores(self) -> tuple[str, ...]:
        """Scores that compare a clip with class text, and so can name an unseen class."""
        by_fine = self.has_fine and (self.fine_at_test or not self.has_category)
        found = {"combined": self.has_text_head or by_fine, "category": self.has_text_head, "fine": self.has_fine}
        return tuple(name for name, holds in found.items() if holds)

    @property
    def uses_fgsa(self) -> bool:
        """Whether FG-SA reaches a loss or a score: by the fine level, or through its gate."""
        return self.fgsa and (self.has_fine or (self.guidance and self.has_category))

    @property
    def uses_video(self) -> bool:
        """Whether the frames' embeddings become one of the video, for the category level or for FG-SA's start."""
        return self.has_category or (self.uses_fgsa and self.fine_from_video)

    def effective(self) -> FGSGLConfig:
        """The same computation, with every setting that nothing reads at its default.

        Two configs compute the same if these are equal: without FG-SA, for instance, a schedule changes nothing.
        """
        unread = {
            name
            for unused, names in (
                (not self.lora, ("lora_rank", "lora_alpha", "lora_targets")),
                (not self.has_category, ("cpa", "head", "label_smoothing")),
                (not self.uses_video, ("temporal", "temporal_pretrained")),
                (self.temporal == "mean", ("temporal_pretrained",)),
                (not self.has_text_head, ("learned_prompts", "context_tokens")),
                (not self.learned_prompts, ("context_tokens",)),
                (not self.uses_fgsa, ("tap", "motion_difference", "fine_from_video", "dimensions", "loss_fine")),
                (not (self.uses_fgsa and self.has_category), ("guidance",)),
                (not self.has_fine, ("fine_v2t", "fine_t2v", "text_control", "text_draw", "dimension_weights")),
                # No two classes share a name.
                (not self.has_fine or self.text_control == "names", ("multi_positive",)),
                (not self.has_fine or self.text_control in ("true", "names", "static"), ("text_seed", "text_draw")),
                (self.text_draw == "cell", ("text_seed",)),
                (not (self.has_fine and self.has_category), ("schedule", "stage", "fine_at_test")),
                (self.schedule == "joint", ("stage",)),
                (not (self.has_fine or self.has_text_head), ("temperature", "logit_scale_max")),
            )
            if unused
            for name in names
        }
        values: dict[str, Any] = {one.name: one.default for one in fields(self) if one.name in unread}
        values["fgsa"] = self.uses_fgsa
        if self.uses_fgsa and not self.has_fine:
            values["loss_fine"] = 0.0
        if self.has_category and not self.has_text_head:
            values |= {"cpa": False, "head": "text"}
        return replace(self, **values)

    @property
    def weight_of_dimension(self) -> tuple[float, ...]:
        """One weight for each of ``dimensions``."""
        return self.dimension_weights or (1.0,) * len(self.dimensions)


def _is_weight(value: Any) -> bool:
    """Whether it is a finite number above 0."""
    return type(value) in (int, float) and value > 0 and _WEIGHT.holds(value)


def _check(name: str, value: Any, fine: bool, expected: str) -> None:
    if not fine:
        raise UserError(f"FG-SGL's setting {name}={value!r:.80} is not valid; expected {expected}")


def _check_subset(name: str, values: tuple[str, ...], valid: tuple[str, ...]) -> None:
    _check(name, values, all(isinstance(value, str) for value in values), "a list of names")
    _check(name, values, len(values) > 0 and len(set(values)) == len(values), "distinct names, at least one")
    for value in values:
        if value not in valid:
            raise UserError(f"FG-SGL's setting {name} holds {value!r}; {nearest(str(value), valid)}")
