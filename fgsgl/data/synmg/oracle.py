"""Oracles: small networks on the true joints, the ceiling of what any recognizer could do on a preset.

``static`` sees single frames (a network per frame, its scores averaged); ``motion`` sees the joints and their
differences over time. The distance between the two says how much of the benchmark is motion.

N clips, T frames, J = 25 joints, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fgsgl.data.clip_table import Clip, ClipTable, labels_of
from fgsgl.data.synmg.body import ARM, LEG
from fgsgl.data.synmg.make import load
from fgsgl.data.synmg.truth import read_joints3d, truth_path
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.late_imports import optimizers_without_compiler

KINDS = ("static", "motion")


@dataclass(frozen=True, kw_only=True, slots=True)
class OracleScore:
    """An oracle's scores on the test split."""

    top1: float
    mean_class: float
    labels_N: np.ndarray
    scores_NC: np.ndarray
    """float32 probabilities"""


def oracle(
    root: Path, kind: str, *, seed: int = 0, epochs: int = 60, num_frames: int = 25, device: str = "cpu"
) -> OracleScore:
    """Trains an oracle on the training clips' true 3-D joints and scores it on the test clips; seconds on a CPU.

    Args:
        root: a finished SynMG folder.
        kind: ``static`` or ``motion``.
        seed: of the weights and the order.
        epochs: passes over the training clips.
        num_frames: frames per clip, at equal distances.
        device: torch device.

    Raises:
        UserError: for an unknown kind, or a folder that is not a finished SynMG.
    """
    table = load(root)
    train, test = table.split("train"), table.split("test")
    scores_NC = fit_and_score(kind, table, train, test, seed, epochs=epochs, num_frames=num_frames, device=device)
    return _summary(test, scores_NC)


def fit_and_score(
    kind: str,
    table: ClipTable,
    train: Sequence[Clip],
    test: Sequence[Clip],
    seed: int,
    *,
    epochs: int = 60,
    num_frames: int = 25,
    device: str = "cpu",
) -> np.ndarray:
    """Trains an oracle on some clips of a SynMG table and scores others: (N, C) float32 probabilities."""
    if kind not in KINDS:
        raise UserError(f"unknown oracle {kind!r}; {nearest(kind, KINDS)}")
    labels = np.array(labels_of(train))
    joints = [read_joints(table, clips, num_frames) for clips in (train, test)]
    return fit(kind, joints[0], labels, joints[1], len(table.classes), seed=seed, epochs=epochs, device=device)


def read_joints(table: ClipTable, clips: Sequence[Clip], num_frames: int) -> np.ndarray:
    """True joints of clips, ``(N, T, 25, 3)`` in metres from the spine base."""
    joints = []
    for clip in clips:
        joints_TJ3 = read_joints3d(truth_path(table.root, clip))
        joints.append(joints_TJ3[np.linspace(0, len(joints_TJ3) - 1, num_frames).round().astype(int)])
    joints_NTJ3 = np.stack(joints)
    return joints_NTJ3 - joints_NTJ3[:, :, :1]


def fit(
    kind: str,
    train_NTJ3: np.ndarray,
    labels_N: np.ndarray,
    test_NTJ3: np.ndarray,
    num_classes: int,
    *,
    seed: int = 0,
    epochs: int = 60,
    device: str = "cpu",
) -> np.ndarray:
    """Trains an oracle on joints already read, and scores others; see :func:`fit_and_score`."""
    optimizers_without_compiler()
    train, labels = torch.from_numpy(train_NTJ3).to(device), torch.from_numpy(labels_N).to(device)
    # The training classes are long-tailed and the test classes balanced: learn the part that the frequency leaves.
    prior_C = torch.bincount(labels, minlength=num_classes).clamp(min=1).log()
    features = _features(train)
    shift, scale = features.mean((0, 1), keepdim=True), features.std((0, 1), keepdim=True) + 0.02
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = (_Static if kind == "static" else _Motion)(features.shape[-1], num_classes).to(device)
        optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
        batches = -(-len(labels) // 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=epochs * batches)
        for _ in range(epochs):
            for chosen in torch.randperm(len(labels)).to(device).tensor_split(batches):
                scores_NC = net((_features(_augmented(train[chosen])) - shift) / scale) + prior_C
                loss = nn.functional.cross_entropy(scores_NC, labels[chosen], label_smoothing=0.1)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    net.eval()
    with torch.no_grad():
        joints = torch.from_numpy(test_NTJ3).to(device)
        both = [net((_features(seen) - shift) / scale).log_softmax(-1) for seen in (joints, _mirrored(joints))]
        return (both[0] + both[1]).div(2).softmax(-1).cpu().numpy().astype(np.float32)


def _summary(test: Sequence[Clip], scores_NC: np.ndarray) -> OracleScore:
    labels_N = np.array(labels_of(test))
    hits_N = scores_NC.argmax(1) == labels_N
    return OracleScore(
        top1=float(hits_N.mean()),
        mean_class=float(np.mean([hits_N[labels_N == label].mean() for label in np.unique(labels_N)])),
        labels_N=labels_N,
        scores_NC=scores_NC,
    )


_MIRROR = list(range(25))
for _left, _right in zip((*ARM[1], *LEG[1]), (*ARM[-1], *LEG[-1]), strict=True):
    _MIRROR[_left], _MIRROR[_right] = _right, _left


def _mirrored(joints_NTJ3: torch.Tensor) -> torch.Tensor:
    """x negated, left and right joints exchanged."""
    return joints_NTJ3[:, :, _MIRROR] * torch.tensor([-1.0, 1.0, 1.0], device=joints_NTJ3.device)


def _augmented(joints_NTJ3: torch.Tensor) -> torch.Tensor:
    """Half of the clips mirrored, all scaled by up to 10 %."""
    flip = (torch.rand(len(joints_NTJ3), 1, 1, 1) < 0.5).to(joints_NTJ3.device)
    factor = (0.9 + 0.2 * torch.rand(len(joints_NTJ3), 1, 1, 1)).to(joints_NTJ3.device)
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
