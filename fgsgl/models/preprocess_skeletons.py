"""From cached joints to a recognizer's input, on the device and for the whole batch at once.

Shapes: B clips, K kept frames a clip, T = K / PER_SEGMENT frames a recognizer sees, J joints.
"""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseDataPreprocessor

from fgsgl.data.clip_table import PER_SEGMENT
from fgsgl.data.skeletons import LAYOUTS
from fgsgl.models.distributed_batch import own, whole


@MODELS.register_module()
class SkeletonPreprocessor(BaseDataPreprocessor):
    """Stacks ``joints_KJ3`` samples, picks a frame of each segment and, in training, mirrors, turns and scales.

    The joints are already centred and scaled (:func:`fgsgl.data.cache.joint_cache.comparable`). All randomness is
    torch's on the default generator, as in :class:`fgsgl.models.preprocess_clips.ClipPreprocessor`.

    Args:
        layout: a name of :data:`fgsgl.data.skeletons.LAYOUTS`.
        flip: probability of mirroring a clip, left and right joints exchanged.
        turn_rad: largest random rotation about each axis; of joints in the image, in its plane only (PYSKL: 0.3).
        scale: largest relative change of size.
    """

    def __init__(self, layout: str, flip: float = 0.5, turn_rad: float = 0.3, scale: float = 0.1) -> None:
        super().__init__()
        self.flip, self.turn_rad, self.scale = flip, turn_rad, scale
        self.view = 0
        """The frame of each segment that an evaluation sees: 0 is the last that is kept, 1 the one before it."""
        self.confidence = LAYOUTS[layout].confidence
        self.register_buffer("mirror_J", torch.tensor(LAYOUTS[layout].mirror_J), persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """``{"inputs": [joints_KJ3, ...], "data_samples": [...]}`` -> the same with ``inputs`` joints_BTJ3."""
        data = self.cast_data(data)
        joints_BKJ3 = torch.stack(tuple(data["inputs"]))
        if training:
            joints_BTJ3 = self._varied(joints_BKJ3)
        else:
            joints_BTJ3 = joints_BKJ3[:, PER_SEGMENT - 1 - self.view :: PER_SEGMENT]
        return {"inputs": joints_BTJ3, "data_samples": data["data_samples"]}

    def _varied(self, joints_BKJ3: torch.Tensor) -> torch.Tensor:
        """A random frame of each segment, mirrored or not, turned and scaled."""
        batch, segments = len(joints_BKJ3), joints_BKJ3.shape[1] // PER_SEGMENT
        index_BT = torch.arange(segments) * PER_SEGMENT + own(torch.randint(PER_SEGMENT, (whole(batch), segments)))
        mirrored_B = own(torch.rand(whole(batch))) < self.flip
        matrix_B33 = self._matrices(batch).to(joints_BKJ3.device)
        index_BT, mirrored_B = index_BT.to(joints_BKJ3.device), mirrored_B.to(joints_BKJ3.device)
        joints_BTJ3 = joints_BKJ3[torch.arange(batch, device=index_BT.device)[:, None], index_BT]
        joints_BTJ3 = torch.where(mirrored_B.view(-1, 1, 1, 1), self.mirrored(joints_BTJ3), joints_BTJ3)
        return torch.einsum("btji,boi->btjo", joints_BTJ3, matrix_B33)

    def mirrored(self, joints_BTJ3: torch.Tensor) -> torch.Tensor:
        """x negated, left and right joints exchanged."""
        return joints_BTJ3[:, :, self.mirror_J] * torch.tensor([-1.0, 1.0, 1.0], device=joints_BTJ3.device)

    def _matrices(self, batch: int) -> torch.Tensor:
        """A rotation about x, y and z and a scale for each clip; a confidence, the third value, is left alone."""
        angle_3B = (own(torch.rand(3, whole(batch)), dim=1) * 2 - 1) * self.turn_rad
        size_B = 1 + (own(torch.rand(whole(batch))) * 2 - 1) * self.scale
        if self.confidence:
            angle_3B[:2] = 0
        x_B33, y_B33, z_B33 = (_rotation(axis, angle_3B[axis]) for axis in range(3))
        size_B3 = size_B[:, None].repeat(1, 3)
        if self.confidence:
            size_B3[:, 2] = 1
        return (z_B33 @ y_B33 @ x_B33) * size_B3[:, None]


def _rotation(axis: int, angle_B: torch.Tensor) -> torch.Tensor:
    """Rotations about one axis, (B, 3, 3)."""
    first, second = (other for other in range(3) if other != axis)
    matrix_B33 = torch.eye(3).repeat(len(angle_B), 1, 1)
    matrix_B33[:, first, first] = matrix_B33[:, second, second] = angle_B.cos()
    matrix_B33[:, first, second], matrix_B33[:, second, first] = -angle_B.sin(), angle_B.sin()
    return matrix_B33
