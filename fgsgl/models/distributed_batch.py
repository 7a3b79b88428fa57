"""One batch over several processes: what they draw in common, and the rows that each of them lacks.

The sampler deals a batch out like cards, so the rows of a process are every ``world``-th of the whole batch. All
processes draw from the same stream of random numbers.
"""

from __future__ import annotations

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from torch import Tensor


def whole(count: int) -> int:
    """Clips of all processes' batches together, where each has ``count``."""
    return count * get_world_size()


def own(drawn_N: Tensor, dim: int = 0) -> Tensor:
    """This process's share of what was drawn for the clips of all processes, along ``dim``."""
    rank, world = get_rank(), get_world_size()
    return drawn_N.movedim(dim, 0)[rank::world].movedim(0, dim)


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, so that a loss may contrast the whole batch, which each process then computes alike.

    The mean of the processes' gradients, which DDP takes, is the gradient of that loss: each process has the part that
    goes through its own rows, and is given it as often as there are processes.
    """
    parts = all_gather(rows.detach().contiguous())
    if len(parts) == 1:
        return rows
    parts[get_rank()] = rows + (len(parts) - 1) * (rows - rows.detach())  # the rows, with a gradient that many times
    return torch.cat(parts)
