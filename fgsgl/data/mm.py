"""Clips as MMEngine data: the data set that feeds every recognizer, and the reader of a single video file.

Shapes: K cached frames a clip (``PER_SEGMENT`` a segment), H, W; a sample's ``inputs`` is ``frames_KHWC`` uint8 until
it is on the device, where :class:`fgsgl.models.preprocess.ClipPreprocessor` picks, augments and normalises.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmaction.registry import DATASETS, TRANSFORMS
from mmaction.structures import ActionDataSample
from torch.utils.data import Dataset

from fgsgl.data import sets
from fgsgl.data.cache import open_cache, refuse_bad
from fgsgl.data.cliptable import Clip
from fgsgl.data.sampling import cached_frames
from fgsgl.data.video import num_frames, read_frames


@DATASETS.register_module()
class ClipDataset(Dataset):
    """One split of a data set, read from its frame cache.

    Args:
        dataset: name of the data set.
        preset: its preset.
        data_seed: seed of a generated data set.
        root: the folder it lies in.
        split: ``train``, ``val`` or ``test``; or ``hidden``, the clips that a challenge keeps the labels of.
        num_frames: T, frames a recognizer sees.
        image_size: side of the frames in pixels.
        skip_bad: leave out clips whose video cannot be read, instead of refusing the whole set.

    Raises:
        UserError: for an empty split, or for an unreadable video unless ``skip_bad``.
    """

    def __init__(
        self,
        dataset: str,
        root: str,
        split: str,
        preset: str,
        data_seed: int = 0,
        num_frames: int = 8,
        image_size: int = 112,
        skip_bad: bool = False,
    ) -> None:
        module, hidden = sets.get(dataset, preset), split == "hidden"
        self.table = module.hidden(Path(root)) if hidden else module.load(Path(root), preset, data_seed)
        self.num_frames = num_frames
        self.cache = open_cache(self.table, num_frames, image_size)
        clips = self.table.split("test" if hidden else split)
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
    """The label of a clip, its id and its subject."""
    sample = ActionDataSample(metainfo={"clip_id": clip.clip_id, "subject": clip.subject})
    sample.set_gt_label(clip.label)
    return sample


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
        end = results.get("end_frame") or num_frames(path)
        frames_KHWC = read_frames(path, cached_frames(start, end, self.num_frames), size=self.image_size)
        sample = ActionDataSample(metainfo={"clip_id": path.stem})
        return {"inputs": torch.from_numpy(frames_KHWC), "data_samples": sample}
