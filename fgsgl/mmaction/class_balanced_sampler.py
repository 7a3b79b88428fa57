"""A sampler for training sets whose classes differ in size.

Shapes: N clips.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from fgsgl.data.clip_table import labels_of
from fgsgl.mmaction.datasets import ClipDataset


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(Sampler):
    """Draws as many clips as there are, with replacement; each class that has a clip is equally likely.

    Every epoch draws again, from the seed and the epoch's number; several processes share the draws between them.

    Args:
        dataset: its clips give the labels.
        seed: seed of the draws; None: one that all processes agree on.
    """

    def __init__(self, dataset: ClipDataset, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        labels_N = np.array(labels_of(dataset.clips))
        weight_N = 1 / np.bincount(labels_N)[labels_N]
        self.share_N = weight_N / weight_N.sum()
        self.num_samples = -(-len(labels_N) // self.world_size)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        drawn = generator.choice(len(self.share_N), self.num_samples * self.world_size, p=self.share_N)
        yield from drawn[self.rank :: self.world_size].tolist()

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Called by MMEngine's hook before each epoch."""
        self.epoch = epoch
