"""The hook that every config of ours names, in our harness and under MMAction2's own tools."""

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
    """Seeds every generator anew for each epoch, so that a resumed epoch equals an uninterrupted one.

    Several processes draw the same on the CPU, of which each takes its own clips' part; what is drawn on a GPU, such as
    dropout's masks, is another's in each.

    Args:
        seed: the cell's seed.
    """

    priority = "VERY_HIGH"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_epoch(self, runner: Runner) -> None:
        """Derives the epoch's seed from the cell's."""
        state = np.random.SeedSequence([self.seed, runner.epoch]).generate_state(1)[0]
        torch.manual_seed(int(state))
        torch.cuda.manual_seed(int(state) + get_rank())
        np.random.seed(int(state))
        random.seed(int(state))
