"""Oracles: small networks on the true joints, the ceiling of what any recognizer could do on a preset.

``static`` sees single frames (a network per frame, its scores averaged); ``motion`` sees the joints and their
differences over time. The distance between the two says how much of the benchmark is motion.

N clips, K kept frames a clip, T = K / PER_SEGMENT frames that an oracle sees, J = 25 joints, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
from torch import nn

from fgsgl.data.clip_table import PER_SEGMENT, Clip, ClipTable, cached_frames, labels_of
from fgsgl.data.joined_table import origin
from fgsgl.data.synmg.body import ARM, LEG
from fgsgl.data.synmg.make import load
from fgsgl.data.synmg.truth import read_joints3d, truth_path
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.late_imports import optimizers_without_compiler

KINDS = ("static", "motion")


class SeenBy(Protocol):
    """The fields of a board's protocol (:class:`fgsgl.records.protocol.Protocol`) that an oracle's view follows."""

    @property
    def num_frames(self) -> int: ...
    @property
    def views(self) -> int: ...
    @property
    def logit_adjustment(self) -> float: ...
    @property
    def sampling(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What an oracle is given of a clip, and whether it may correct its answer: the protocol's, or more than that."""

    num_frames: int = 8
    """T. In training one of the frames kept of each segment, drawn anew each time, as recognizers see them."""
    views: int = 1
    """Choices of frames that a test clip is scored with."""
    prior: float = 0.0
    """Power of the training classes' shares that scores are divided by; 1 takes their prior out."""
    balanced: bool = False
    """Each class is drawn equally often in training."""
    mirrored: bool = False
    """A test clip is scored mirrored, too."""

    @classmethod
    def of(cls, protocol: SeenBy) -> Self:
        """The view that a protocol gives to every method."""
        return cls(
            num_frames=protocol.num_frames,
            views=protocol.views,
            prior=protocol.logit_adjustment,
            balanced=protocol.sampling == "class_balanced",
        )


GENEROUS = View(num_frames=25, views=PER_SEGMENT, prior=1.0, mirrored=True)
"""Half of all frames, both choices of them, the prior taken out, and mirrored test clips: more than methods get."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OracleScore:
    """An oracle's scores on the test split."""

    top1: float
    mean_class: float
    labels_N: np.ndarray
    scores_NC: np.ndarray
    """float32 probabilities"""


def oracle(root: Path, kind: str, view: View | None = None, *, seed: int = 0, epochs: int = 60) -> OracleScore:
    """Trains an oracle on the training clips' true 3-D joints and scores it on the test clips; seconds on a CPU.

    Args:
        root: a finished SynMG folder.
        kind: ``static`` or ``motion``.
        view: what it is given; None: :class:`View`'s defaults.
        seed: of the weights and the order.
        epochs: passes over the training clips.

    Raises:
        UserError: for an unknown kind, or a folder that is not a finished SynMG.
    """
    table = load(root)
    train, test = table.split("train"), table.split("test")
    scores_NC = fit_and_score(kind, table, train, test, view or View(), seed=seed, epochs=epochs)
    return summary(np.array(labels_of(test)), scores_NC)


def fit_and_score(
    kind: str,
    table: ClipTable,
    train: Sequence[Clip],
    test: Sequence[Clip],
    view: View,
    *,
    seed: int = 0,
    epochs: int = 60,
) -> np.ndarray:
    """Trains an oracle on some clips of a SynMG table and scores others: (N, C) float32 probabilities."""
    labels = np.array(labels_of(train))
    joints = [read_joints(table, clips, view.num_frames) for clips in (train, test)]
    return fit(kind, joints[0], labels, joints[1], len(table.classes), view, seed=seed, epochs=epochs)


def read_joints(table: ClipTable, clips: Sequence[Clip], num_frames: int) -> np.ndarray:
    """True joints of clips in the kept frames, ``(N, K, 25, 3)`` float32, in metres from the spine base."""
    places = [origin(table, clip) for clip in clips]
    return kept_frames([read_joints3d(truth_path(part.root, clip)) for part, clip in places], num_frames)


def kept_frames(joints: Sequence[np.ndarray], num_frames: int) -> np.ndarray:
    """Joints in the kept frames, from those of every frame: ``(N, K, 25, 3)``, in metres from the spine base."""
    joints_NKJ3 = np.stack([joints_TJ3[cached_frames(0, len(joints_TJ3), num_frames)] for joints_TJ3 in joints])
    return joints_NKJ3 - joints_NKJ3[:, :, :1]


def fit(
    kind: str,
    train_NKJ3: np.ndarray,
    labels_N: np.ndarray,
    test_NKJ3: np.ndarray,
    num_classes: int,
    view: View,
    *,
    seed: int = 0,
    epochs: int = 60,
) -> np.ndarray:
    """Trains an oracle on joints already read, and scores others; see :func:`fit_and_score`.

    Raises:
        UserError: for an unknown kind.
    """
    if kind not in KINDS:
        raise UserError(f"unknown oracle {kind!r}; {nearest(kind, KINDS)}")
    optimizers_without_compiler()
    train, labels = torch.from_numpy(train_NKJ3), torch.from_numpy(labels_N)
    counts_C = torch.bincount(labels, minlength=num_classes).clamp(min=1)
    weight_N = 1 / counts_C[labels].double() if view.balanced else torch.ones(len(labels)).double()
    features = _features(train)
    shift, scale = features.mean((0, 1), keepdim=True), features.std((0, 1), keepdim=True) + 0.02
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = (_Static if kind == "static" else _Motion)(features.shape[-1], num_classes)
        optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
        batches = -(-len(labels) // 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=epochs * batches)
        for _ in range(epochs):
            # Without replacement an epoch holds every clip once; balanced, it holds as many, of any class alike.
            order = torch.multinomial(weight_N, len(labels), replacement=view.balanced)
            for chosen in order.tensor_split(batches):
                scores_NC = net((_features(_augmented(_drawn(train[chosen]))) - shift) / scale)
                loss = nn.functional.cross_entropy(scores_NC, labels[chosen], label_smoothing=0.1)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    net.eval()
    with torch.no_grad():
        test = torch.from_numpy(test_NKJ3)
        seen = [test[:, PER_SEGMENT - 1 - index :: PER_SEGMENT] for index in range(view.views)]
        seen += [_mirrored(joints) for joints in seen if view.mirrored]
        scores_VNC = torch.stack([net((_features(joints) - shift) / scale).softmax(-1) for joints in seen])
        raised_NC = scores_VNC.mean(0) / (counts_C / counts_C.sum()) ** view.prior
        return (raised_NC / raised_NC.sum(1, keepdim=True)).numpy().astype(np.float32)


def summary(labels_N: np.ndarray, scores_NC: np.ndarray) -> OracleScore:
    """The accuracy of an oracle's scores."""
    hits_N = scores_NC.argmax(1) == labels_N
    return OracleScore(
        top1=float(hits_N.mean()),
        mean_class=float(np.mean([hits_N[labels_N == label].mean() for label in np.unique(labels_N)])),
        labels_N=labels_N,
        scores_NC=scores_NC,
    )


def _drawn(joints_NKJ3: torch.Tensor) -> torch.Tensor:
    """One of the frames kept of each segment, drawn for every clip and segment by itself: (N, T, J, 3)."""
    clips, segments = len(joints_NKJ3), joints_NKJ3.shape[1] // PER_SEGMENT
    index_NT = torch.arange(segments) * PER_SEGMENT + torch.randint(PER_SEGMENT, (clips, segments))
    return joints_NKJ3[torch.arange(clips)[:, None], index_NT]


_MIRROR = list(range(25))
for _left, _right in zip((*ARM[1], *LEG[1]), (*ARM[-1], *LEG[-1]), strict=True):
    _MIRROR[_left], _MIRROR[_right] = _right, _left


def _mirrored(joints_NTJ3: torch.Tensor) -> torch.Tensor:
    """x negated, left and right joints exchanged."""
    return joints_NTJ3[:, :, _MIRROR] * torch.tensor([-1.0, 1.0, 1.0])


def _augmented(joints_NTJ3: torch.Tensor) -> torch.Tensor:
    """Half of the clips mirrored, all scaled by up to 10 %."""
    flip = torch.rand(len(joints_NTJ3), 1, 1, 1) < 0.5
    factor = 0.9 + 0.2 * torch.rand(len(joints_NTJ3), 1, 1, 1)
    return torch.where(flip, _mirrored(joints_NTJ3), joints_NTJ3) * factor


def _features(joints_NTJ3: torch.Tensor) -> torch.Tensor:
    """Joints, and what a hand is relative to: the head, its own wrist, the other hand, the other elbow. (N, T, F)"""
    parts = [joints_NTJ3]
    for side in (1, -1):
        _, _, wrist, hand, tip, thumb = (joints_NTJ3[:, :, i : i + 1] for i in ARM[side])
        _, elbow, _, other, _, _ = (joints_NTJ3[:, :, i : i + 1] for i in ARM[-side])
        parts += [hand - joints_NTJ3[:, :, 3:4], tip - wrist, thumb - wrist, tip - thumb, hand - other, hand - elbow]
    return torch.cat(parts, 2).flatten(2)


class _Static(nn.Module):
    """Frames one by one; the clip's score is the mean of its frames' scores."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, 192), nn.GELU(), nn.Dropout(0.3), nn.Linear(192, 192), nn.GELU(), nn.Dropout(0.3),
            nn.Linear(192, num_classes),
        )  # fmt: skip

    def forward(self, features_NTF: torch.Tensor) -> torch.Tensor:
        return self.layers(features_NTF).mean(1)


class _Motion(nn.Module):
    """Places and their differences through convolutions over time."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2 * width, 128, 5, padding=2), nn.GroupNorm(8, 128), nn.GELU(), nn.Dropout(0.3),
            nn.Conv1d(128, 128, 5, padding=2, stride=2), nn.GroupNorm(8, 128), nn.GELU(), nn.Dropout(0.3),
            nn.Conv1d(128, 192, 3, padding=1, stride=2), nn.GroupNorm(8, 192), nn.GELU(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(384, num_classes))

    def forward(self, features_NTF: torch.Tensor) -> torch.Tensor:
        # Differences are small beside the spread of places; 16 brings the two to one size (4 cost 9 points of top-1).
        steps = 16.0 * nn.functional.pad(features_NTF.diff(dim=1), (0, 0, 0, 1))
        hidden = self.layers(torch.cat([features_NTF, steps], -1).transpose(1, 2))
        return self.head(torch.cat([hidden.mean(-1), hidden.amax(-1)], -1))
