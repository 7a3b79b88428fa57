"""A cell trained by several processes: DDP averages their gradients, and the batch stays the same.

Each process computes its share of every batch, a process a GPU, or all on one CPU. What they compute is what one
process computes, up to rounding, with three exceptions. Batch norm normalises over a process's share, and keeps the
first process's averages. Dropout masks differ. The last batch is padded by repeating clips. The number of processes is
not part of a cell's id, and stands in its record.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import distributed

from fgsgl.training.ranks import STORE, own_rank


def join_processes(device: str, devices: int) -> None:
    """Makes this process one of the ranks that train a cell together; does nothing where a cell is trained by one."""
    if devices == 1:
        return
    if device == "cuda":
        torch.cuda.set_device(own_rank())
    store = distributed.FileStore(os.environ[STORE], devices)
    backend = "nccl" if device == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=own_rank(), world_size=devices)


def leave_processes() -> None:
    """Ends what :func:`join_processes` began, once every process is here; each is alone from then on."""
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def shared_config(config: dict[str, Any], devices: int) -> dict[str, Any]:
    """The config with each batch divided over the processes; that of one process is left as it is."""
    if devices == 1:
        return config
    loader = config["train_dataloader"]
    return {
        **config,
        "train_dataloader": {**loader, "batch_size": loader["batch_size"] // devices},
        "launcher": "pytorch",
        "model_wrapper_cfg": {"type": "MMDistributedDataParallel", "device_ids": None},
    }
