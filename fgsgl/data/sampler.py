"""Which training clips an epoch shows, where it is not each of them once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(Sampler):
    """As many draws as there are clips, with replacement, each class that has a clip equally likely.

    Every epoch draws anew, from the seed and the epoch's number; several processes share the draws between them.

    Args:
        dataset: with ``clips``, each of which has a ``label``.
        seed: of the draws; None: one that all processes agree on.
    """

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        labels_N = np.array([clip.label for clip in dataset.clips])
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
