"""Run by two ranks: their mean gradient, each on its own rows, is that of one process on the whole batch.

Compared in fp32 after one backward pass; prints the name and the largest difference of each recognizer.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dist import get_rank, get_world_size
from mmengine.registry import init_default_scope
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from fgsgl.methods.registry import get
from fgsgl.records.protocol import default_protocol
from fgsgl.testing.method_contract import CLASSES
from fgsgl.training.distributed import join_processes, leave_processes
from fgsgl.training.mmengine_config import build_config

METHODS = ("linear_probe", "fgsgl", "actionclip", "text4vis")
LABELS = (0, 3, 3, 5, 5, 5, 9, 16)
PROTOCOL = default_protocol("synmg", num_frames=2, image_size=32)


def gradients(model: nn.Module, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Gradients of one augmented training step by the parameter's name."""
    bare = model.module if isinstance(model, DistributedDataParallel) else model
    torch.manual_seed(1)
    losses = model(**bare.data_preprocessor(batch, training=True), mode="loss")
    bare.parse_losses(losses)[0].backward()
    return {name: value.grad for name, value in bare.named_parameters() if value.grad is not None}


def build(name: str) -> nn.Module:
    """A recognizer, of which a part that starts at zero hides nothing behind it."""
    config = build_config(get(name), {}, PROTOCOL, 0, classes=CLASSES, root=Path("d"), work_dir=Path("w"))
    torch.manual_seed(0)
    model = MODELS.build({**config["model"], "autocast": "none"})
    for parameter in model.parameters():
        if parameter.requires_grad and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return model


def main() -> None:
    """The whole batch is computed before there are processes to draw with."""
    init_default_scope("mmaction")
    torch.manual_seed(0)
    frames = torch.randint(256, (len(LABELS), 4, 32, 32, 3), dtype=torch.uint8)
    samples = [ActionDataSample().set_gt_label(label) for label in LABELS]
    models = {name: build(name) for name in METHODS}
    expected = {
        name: gradients(deepcopy(model), {"inputs": list(frames), "data_samples": samples})
        for name, model in models.items()
    }
    join_processes("cpu", 2)
    rows = slice(get_rank(), None, get_world_size())
    for name, model in models.items():
        found = gradients(DistributedDataParallel(model), {"inputs": list(frames[rows]), "data_samples": samples[rows]})
        assert found.keys() == expected[name].keys() and found
        largest = max(value.abs().max() for value in found.values())
        apart = max((found[key] - expected[name][key]).abs().max() for key in found) / largest
        sys.stdout.write(f"SEEN {name} {apart:.1e}\n")
        assert apart < 1e-4, name
    leave_processes()


if __name__ == "__main__":
    main()
