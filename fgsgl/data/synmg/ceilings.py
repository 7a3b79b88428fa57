"""What a preset's truth allows, from motions that are drawn and never rendered: seconds instead of minutes.

N clips, K kept frames a clip, J = 25 joints, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from fgsgl.data.clip_table import Split, labels_of
from fgsgl.data.synmg.clips import draw_clip, plan
from fgsgl.data.synmg.oracle import View, fit, kept_frames
from fgsgl.data.synmg.presets import Preset
from fgsgl.data.synmg.programs import CLASSES, Program, fine_pairs
from fgsgl.stats.metrics import pair_accuracy

DIMENSIONS = ("part", "onset", "trajectory", "outcome")
SMOOTHING = 0.1
"""Clips that each value of a dimension counts as having besides those of the training split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Motions:
    """The clips of one split of a plan, as their truth has them."""

    labels_N: np.ndarray
    joints: tuple[np.ndarray, ...]
    """joints_TJ3 float32 of every clip, in all frames."""
    programs: tuple[Program, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """The accuracy of an oracle on the test split."""

    top1: float
    fine_pairs: float | None


def draw(preset: Preset, seed: int, split: Split, share: float = 1.0) -> Motions:
    """A split of the preset's plan: hundreds of clips a second.

    Args:
        preset: sizes and difficulty.
        seed: of the data set.
        split: of the plan.
        share: of the training clips of every class; above 1 there are more than the preset has, of the same people.
    """
    wanted = replace(preset, most_frequent=round(share * preset.most_frequent))
    clips = [clip for clip in plan(wanted, seed) if clip.split == split]
    drawn = [draw_clip(wanted, seed, clip) for clip in clips]
    return Motions(
        labels_N=np.array(labels_of(clips)),
        joints=tuple(one.pose.joints_TJ3.astype(np.float32) for one in drawn),
        programs=tuple(one.scene.program for one in drawn),
    )


def from_joints(kind: str, train: Motions, test: Motions, view: View, *, seed: int = 0, epochs: int = 60) -> Ceiling:
    """The ceiling of an oracle on the joints (:func:`fgsgl.data.synmg.oracle.fit`)."""
    train_NKJ3, test_NKJ3 = (kept_frames(motions.joints, view.num_frames) for motions in (train, test))
    scores_NC = fit(kind, train_NKJ3, train.labels_N, test_NKJ3, len(CLASSES), view, seed=seed, epochs=epochs)
    return _ceiling(test.labels_N, scores_NC)


def from_attributes(train: Motions, test: Motions, dimensions: Sequence[str] = DIMENSIONS) -> Ceiling:
    """The ceiling of an oracle that is told some dimensions of the true program, and knows how often each class has
    each value in training (naive Bayes, all classes equally likely)."""
    scores_NC = np.zeros((len(test.labels_N), len(CLASSES)))
    for index in (DIMENSIONS.index(name) for name in dimensions):
        values = sorted({astuple(program)[index] for program in (*train.programs, *test.programs)})
        seen_N, asked_N = (
            np.array([values.index(astuple(program)[index]) for program in motions.programs])
            for motions in (train, test)
        )
        count_CV = np.full((len(CLASSES), len(values)), SMOOTHING)
        np.add.at(count_CV, (train.labels_N, seen_N), 1)
        log_CV = np.log(count_CV / count_CV.sum(1, keepdims=True))
        scores_NC += log_CV[:, asked_N].T
    return _ceiling(test.labels_N, scores_NC)


def _ceiling(labels_N: np.ndarray, scores_NC: np.ndarray) -> Ceiling:
    pairs = [(pair.one, pair.other) for pair in fine_pairs()]
    return Ceiling(
        top1=float((scores_NC.argmax(1) == labels_N).mean()), fine_pairs=pair_accuracy(labels_N, scores_NC, pairs)
    )
