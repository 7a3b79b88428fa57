"""Oracles: small networks on the true joints, the ceiling of what any recognizer could do on a preset.

``static`` sees single frames (a network per frame, its scores averaged); ``motion`` sees the joints and their
differences over time. The distance between the two says how much of the benchmark is motion.

N clips, T frames, J = 25 joints, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fgsgl.data.cliptable import ClipTable
from fgsgl.data.synmg.body import ARM, LEG
from fgsgl.data.synmg.make import load, read_truth, truth_path
from fgsgl.errors import UserError, nearest

KINDS = ("static", "motion")


def oracle(root: Path, kind: str, *, seed: int = 0, epochs: int = 60, num_frames: int = 25, device: str = "cpu") -> dict:
    """Trains an oracle on the training clips' true 3-D joints and scores it on the test clips; seconds on a CPU.

    Args:
        root: a finished SynMG folder.
        kind: ``static`` or ``motion``.
        seed: of the weights and the order.
        epochs: passes over the training clips.
        num_frames: frames per clip, at equal distances.
        device: torch device.

    Returns:
        ``top1`` and ``mean_class`` (on the test split), ``clip_ids``, ``subjects``, ``labels`` (N), ``scores_NC``
        (float32 probabilities) and ``predictions`` (N).

    Raises:
        UserError: for an unknown kind, or a folder that is not a finished SynMG.
    """
    if kind not in KINDS:
        raise UserError(f"unknown oracle {kind!r}; {nearest(kind, KINDS)}")
    table = load(root)
    joints = {split: read_joints(table, split, num_frames) for split in ("train", "test")}
    return fit(kind, joints["train"], joints["test"], table, seed=seed, epochs=epochs, device=device)


def read_joints(table: ClipTable, split: str, num_frames: int) -> np.ndarray:
    """True joints of a split's clips, ``(N, T, 25, 3)`` in metres from the spine base."""
    joints = []
    for clip in table.split(split):
        joints_TJ3 = read_truth(truth_path(table.root, clip))["joints3d_TJ3"]
        joints.append(joints_TJ3[np.linspace(0, len(joints_TJ3) - 1, num_frames).round().astype(int)])
    joints_NTJ3 = np.stack(joints)
    return joints_NTJ3 - joints_NTJ3[:, :, :1]


def fit(
    kind: str,
    train_NTJ3: np.ndarray,
    test_NTJ3: np.ndarray,
    table: ClipTable,
    *,
    seed: int = 0,
    epochs: int = 60,
    device: str = "cpu",
) -> dict:
    """As :func:`oracle`, on joints already read (of the table's train and test split, in its order)."""
    torch.manual_seed(seed)
    test = table.split("test")
    labels = torch.tensor([clip.label for clip in table.split("train")], device=device)
    train, shift, scale = _normalised(torch.from_numpy(train_NTJ3).to(device))
    net = _network(kind, len(table.classes)).to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    batches = -(-len(labels) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=epochs * batches)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).to(device).tensor_split(batches):
            joints = _augmented(train[chosen] * scale + shift)
            loss = nn.functional.cross_entropy(net((joints - shift) / scale), labels[chosen], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        scores = net((torch.from_numpy(test_NTJ3).to(device) - shift) / scale).softmax(-1).cpu().numpy()
    return _summary(test, scores)


def _summary(test: Sequence, scores_NC: np.ndarray) -> dict:
    labels, predictions = np.array([clip.label for clip in test]), scores_NC.argmax(1)
    hits = predictions == labels
    return {
        "top1": float(hits.mean()),
        "mean_class": float(np.mean([hits[labels == label].mean() for label in np.unique(labels)])),
        "clip_ids": [clip.clip_id for clip in test],
        "subjects": [clip.subject for clip in test],
        "labels": labels,
        "scores_NC": scores_NC.astype(np.float32),
        "predictions": predictions,
    }


def _normalised(joints_NTJ3: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    shift = joints_NTJ3.mean((0, 1), keepdim=True)
    scale = joints_NTJ3.std((0, 1), keepdim=True) + 0.02
    return (joints_NTJ3 - shift) / scale, shift, scale


_MIRROR = list(range(25))
for _left, _right in zip((*ARM[1], *LEG[1]), (*ARM[-1], *LEG[-1]), strict=True):
    _MIRROR[_left], _MIRROR[_right] = _right, _left


def _augmented(joints_NTJ3: torch.Tensor) -> torch.Tensor:
    """Half of the clips mirrored (x negated, left and right joints exchanged), all scaled by up to 10 %."""
    mirrored = joints_NTJ3[:, :, _MIRROR] * torch.tensor([-1.0, 1.0, 1.0], device=joints_NTJ3.device)
    flip = (torch.rand(len(joints_NTJ3), 1, 1, 1) < 0.5).to(joints_NTJ3.device)
    factor = (0.9 + 0.2 * torch.rand(len(joints_NTJ3), 1, 1, 1)).to(joints_NTJ3.device)
    return torch.where(flip, mirrored, joints_NTJ3) * factor


def _network(kind: str, num_classes: int) -> nn.Module:
    return _Static(num_classes) if kind == "static" else _Motion(num_classes)


class _Static(nn.Module):
    """Frames one by one; the clip's score is the mean of its frames' scores."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(75, 192), nn.GELU(), nn.Dropout(0.3), nn.Linear(192, 192), nn.GELU(), nn.Dropout(0.3),
            nn.Linear(192, num_classes),
        )  # fmt: skip

    def forward(self, joints_NTJ3: torch.Tensor) -> torch.Tensor:
        return self.layers(joints_NTJ3.flatten(2)).mean(1)


class _Motion(nn.Module):
    """Joints and their differences through convolutions over time."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(150, 128, 5, padding=2), nn.GroupNorm(8, 128), nn.GELU(), nn.Dropout(0.3),
            nn.Conv1d(128, 128, 5, padding=2, stride=2), nn.GroupNorm(8, 128), nn.GELU(), nn.Dropout(0.3),
            nn.Conv1d(128, 192, 3, padding=1, stride=2), nn.GroupNorm(8, 192), nn.GELU(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(384, num_classes))

    def forward(self, joints_NTJ3: torch.Tensor) -> torch.Tensor:
        places = joints_NTJ3.flatten(2)
        # Differences are small beside the spread of places; 4 brings the two to one size.
        steps = 4.0 * nn.functional.pad(places.diff(dim=1), (0, 0, 0, 1))
        features = self.layers(torch.cat([places, steps], -1).transpose(1, 2))
        return self.head(torch.cat([features.mean(-1), features.amax(-1)], -1))
