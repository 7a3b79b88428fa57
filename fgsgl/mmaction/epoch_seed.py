"""The hook of every shipped config, both in our harness and under MMAction2's own tools."""

from __future__ import annotations

import random

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every generator again before each epoch, so that a resumed epoch equals an uninterrupted one.

    On the CPU all processes draw the same numbers, and each uses those of its own clips. On GPUs they draw different
    numbers, such as dropout masks.

    Args:
        seed: the cell's seed.
    """

    priority = "VERY_HIGH"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_epoch(self, runner: Runner) -> None:
        """Seeds all generators from the cell's seed and the epoch's number."""
        state = np.random.SeedSequence([self.seed, runner.epoch]).generate_state(1)[0]
        torch.manual_seed(int(state))
        torch.cuda.manual_seed(int(state) + get_rank())
        np.random.seed(int(state))
        random.seed(int(state))
