"""MMEngine data sets of frames and of joints, which feed every recognizer, and the reader of a single video file.

Shapes: B clips, K cached frames a clip (``PER_SEGMENT`` a segment), J joints, H height, W width. A sample's ``inputs``
is ``frames_KHWC`` uint8 until it is on the device, where :class:`fgsgl.models.preprocess_clips.ClipPreprocessor` picks,
augments and normalises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from mmaction.registry import DATASETS, TRANSFORMS
from mmaction.structures import ActionDataSample
from torch.utils.data import Dataset

from fgsgl.data.cache.clip_frames import read_clips
from fgsgl.data.cache.frame_cache import open_cache, refuse_bad
from fgsgl.data.cache.joint_cache import kept_frames, open_joints
from fgsgl.data.clip_table import Clip, Split, labels_of
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.regime import Regime
from fgsgl.data.skeletons import LAYOUTS, layout_name
from fgsgl.data.video.containers import BadVideo


@DATASETS.register_module()
class ClipDataset(Dataset):
    """One split of a data set, read from its frame cache.

    Args:
        dataset: name of the data set.
        preset: its preset.
        data_seed: draws the validation split, or a generated data set.
        root: the folder it lies in.
        split: ``train``, ``val`` or ``test``; or ``hidden``, the clips whose labels a challenge keeps secret.
        num_frames: T, frames a recognizer sees.
        image_size: side of the frames in pixels.
        skip_bad: leave out clips whose video cannot be read, instead of refusing the whole set.
        form: with the split ``hidden``, the form of the submission that asks for the clips; None: today's.
        regime: fields of :class:`fgsgl.data.regime.Regime`; None: the whole table.
        seed: of the regime's draws.
        scored: whether the test split of these data is scored, so that a regime needs test clips of its unseen classes.

    Raises:
        UserError: for an empty split or one that hides its labels, or for an unreadable video unless ``skip_bad``.
    """

    def __init__(
        self,
        dataset: str,
        root: str,
        split: Split | Literal["hidden"],
        preset: str,
        data_seed: int = 0,
        num_frames: int = 8,
        image_size: int = 112,
        skip_bad: bool = False,
        form: str | None = None,
        regime: Mapping[str, Any] | None = None,
        seed: int = 0,
        scored: bool = True,
    ) -> None:
        data = DataSpec(dataset=dataset, preset=preset, seed=data_seed, root=Path(root))
        self.table = data.hidden(form) if split == "hidden" else data.load()
        self.num_frames = num_frames
        self.cache = open_cache(self.table, num_frames, image_size)
        # Caches are those of the whole table, so that all regimes share them.
        of_regime = Regime(**(regime or {}))
        table = of_regime.apply(self.table, seed) if scored else of_regime.reduced(self.table, seed)
        clips = table.split("test" if split == "hidden" else split)
        if split != "hidden":
            labels_of(clips)
        if not skip_bad:
            refuse_bad(self.cache)
        self.clips = tuple(clip for clip in clips if clip.clip_id not in self.cache.bad)
        self.metainfo = {"classes": self.table.classes}

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, Any]:
        clip = self.clips[index]
        return {"inputs": torch.from_numpy(self.cache.frames(clip.clip_id)), "data_samples": sample_of(clip)}


def sample_of(clip: Clip) -> ActionDataSample:
    """The data sample of a clip: its label, unless that is hidden, id and subject."""
    sample = ActionDataSample(metainfo={"clip_id": clip.clip_id, "subject": clip.subject})
    if clip.label is not None:
        sample.set_gt_label(clip.label)
    return sample


@DATASETS.register_module()
class SkeletonDataset(ClipDataset):
    """One split of a data set, its joints read from the joint cache.

    Clips whose video cannot be read are left out here too, so that every row of a board stands for the same clips.

    Args:
        arguments: as for :class:`fgsgl.mmaction.datasets.ClipDataset`.

    Raises:
        UserError: as there, for a data set without skeletons, or for a skeleton that cannot be read.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.joints_NKJ3 = open_joints(self.table, self.num_frames)
        self.row = {clip.clip_id: row for row, clip in enumerate(self.table.clips)}

    def __getitem__(self, index: int) -> dict[str, Any]:
        clip = self.clips[index]
        joints_KJ3 = torch.tensor(self.joints_NKJ3[self.row[clip.clip_id]])
        return {"inputs": joints_KJ3, "data_samples": sample_of(clip)}


@TRANSFORMS.register_module()
class ReadClip:
    """Reads a whole video file as one clip: ``filename`` -> ``inputs`` (frames_KHWC uint8) and an empty data sample.

    The pipeline of MMAction2's ``inference_recognizer``. An end or start frame in the input narrows the clip.

    Args:
        num_frames: T, frames a recognizer sees.
        image_size: side of the frames in pixels.
    """

    def __init__(self, num_frames: int = 8, image_size: int = 112) -> None:
        self.num_frames = num_frames
        self.image_size = image_size

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        path = Path(results["filename"])
        start = results.get("start_frame", 0)
        end = results.get("end_frame", 0)
        ((_, frames_KHWC),) = read_clips(path, [(start, end)], self.num_frames, self.image_size)
        if isinstance(frames_KHWC, BadVideo):
            raise frames_KHWC
        sample = ActionDataSample(metainfo={"clip_id": path.stem})
        return {"inputs": torch.from_numpy(frames_KHWC), "data_samples": sample}


def random_skeleton_batch(
    dataset: str, num_frames: int, labels: Sequence[int], seed: int = 0, preset: str = ""
) -> dict[str, Any]:
    """A batch of random joints, as the loader of :class:`SkeletonDataset` gives it; for tests and measurements.

    Args:
        dataset: its layout is taken: ``synmg`` and ``smg`` have 25 joints in space, ``imigue`` 22 in the image, with
            confidences in 0..1.
        num_frames: frames of the protocol.
        labels: one a clip.
        seed: seed of the joints.
        preset: names the layout of one's own data.

    Returns:
        ``{"inputs": [joints_KJ3 float32, ...], "data_samples": [...]}``.

    Raises:
        UserError: for a data set without skeletons.
    """
    layout = LAYOUTS[layout_name(dataset, preset)]
    generator = torch.Generator().manual_seed(seed)
    shape = (len(labels), kept_frames(num_frames), len(layout.joints), 3)
    joints_BKJ3 = torch.randn(shape, generator=generator)
    if layout.confidence:
        joints_BKJ3[..., 2] = torch.rand(shape[:-1], generator=generator)
    samples = [ActionDataSample(metainfo={"clip_id": f"random_{row}"}).set_gt_label(label) for row, label in
               enumerate(labels)]  # fmt: skip
    return {"inputs": list(joints_BKJ3), "data_samples": samples}
