"""Skeletons as MMEngine data: what :mod:`fgsgl.data.mm` is for frames.

Shapes: K kept frames of joints a clip (``PER_SEGMENT`` a segment), J joints; a sample's ``inputs`` is ``joints_KJ3``
until it is on the device, where :class:`fgsgl.models.skeleton_preprocess.SkeletonPreprocessor` picks and augments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmaction.registry import DATASETS
from mmaction.structures import ActionDataSample

from fgsgl.data.joints import kept_frames, open_joints
from fgsgl.data.layout import LAYOUTS, layout_name
from fgsgl.data.mm import ClipDataset, sample_of


@DATASETS.register_module()
class SkeletonDataset(ClipDataset):
    """The same clips as :class:`fgsgl.data.mm.ClipDataset`, their joints from the joint cache.

    A clip whose video cannot be read is left out here too, so that every row of a board stands for the same clips.

    Args:
        arguments: as for :class:`fgsgl.data.mm.ClipDataset`.

    Raises:
        UserError: as there, for a data set without skeletons, or for a skeleton that cannot be read.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.joints_NKJ3 = open_joints(self.table, self.num_frames)

    def __getitem__(self, index: int) -> dict[str, Any]:
        clip = self.clips[index]
        joints_KJ3 = torch.tensor(self.joints_NKJ3[self.cache.row[clip.clip_id]])
        return {"inputs": joints_KJ3, "data_samples": sample_of(clip)}


def random_skeleton_batch(dataset: str, num_frames: int, labels: Sequence[int], seed: int = 0) -> dict[str, Any]:
    """A batch as the loader of :class:`SkeletonDataset` gives it, of random joints: for tests and measurements.

    Args:
        dataset: its layout is taken: ``synmg`` and ``smg`` have 25 joints in space, ``imigue`` 22 in the image, with
            confidences in 0..1.
        num_frames: frames of the protocol.
        labels: of the clips, one each.
        seed: of the joints.

    Returns:
        ``{"inputs": [joints_KJ3 float32, ...], "data_samples": [...]}``.

    Raises:
        UserError: for a data set without skeletons.
    """
    layout = LAYOUTS[layout_name(dataset)]
    generator = torch.Generator().manual_seed(seed)
    shape = (len(labels), kept_frames(num_frames), len(layout.joints), 3)
    joints_BKJ3 = torch.randn(shape, generator=generator)
    if layout.confidence:
        joints_BKJ3[..., 2] = torch.rand(shape[:-1], generator=generator)
    samples = [ActionDataSample(metainfo={"clip_id": f"random_{row}"}).set_gt_label(label) for row, label in
               enumerate(labels)]  # fmt: skip
    return {"inputs": list(joints_BKJ3), "data_samples": samples}
