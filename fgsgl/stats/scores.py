"""The metrics of one cell as they stand in a record; :mod:`fgsgl.stats.metrics` computes them. Imports no NumPy."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

Share = Annotated[float, Meta(ge=0, le=1)]


class ClassScores(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metrics of one class; None where one is undefined."""

    index: int = field(name="class")
    """From 0."""
    n: int
    """Clips of the class."""
    recall: Share | None
    """None: the class has no clip."""
    precision: Share | None
    """None: the class was never predicted."""
    f1: Share | None
    """None: neither."""


class Scores(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metrics of one score over a split. Means are over the classes that have a clip."""

    n_clips: int
    n_classes: int
    n_classes_present: int
    """Classes that have a clip."""
    top1: Share
    top5: Share
    """The best min(5, C) classes count."""
    mean_class: Share
    """Mean recall."""
    macro_f1: Share
    per_class: list[ClassScores]


class GroupScores(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metrics of a data set whose classes form groups."""

    group_top1: Share
    group_macro_f1: Share
    f1_mean: Share
    """Mean of the macro and the micro F1 of groups and of classes (MA-52, arXiv 2403.05234)."""


class UnseenScores(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The metrics of one score where classes were held out of training: mean recalls of classes that have a clip
    (Xian et al. 2017, arXiv 1707.00600). None: the score cannot name a class that it was not trained on."""

    unseen: Share | None
    """Clips of unseen classes, among which alone the answer is chosen."""
    generalised: Share | None
    """Clips of unseen classes, the answer chosen among all classes."""
    seen: Share
    """Clips of seen classes, the answer chosen among all classes."""
    harmonic: Share | None
    """Harmonic mean of the last two."""
    ties: bool = False
    """Whether every clip of an unseen class has one score for all of them, so that ``unseen`` is chance."""
