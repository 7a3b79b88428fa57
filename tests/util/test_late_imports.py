"""What the stack imports without need is not imported for a cell, and is there as soon as somebody uses it."""

import subprocess
import sys

import pytest

TRAINS = """
import sys
import fgsgl.training.run_cell, fgsgl.training.train
import torch
from torch import nn

def trained(optimizer_type):
    layer = nn.Linear(2, 1)
    nn.init.ones_(layer.weight)
    optimizer = optimizer_type(layer.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    assert torch.is_grad_enabled()
    return layer.weight.tolist()

kinds = torch.optim.AdamW, torch.optim.SGD
before = [trained(kind) for kind in kinds]
dear = {"torch._dynamo", "torch.distributed.fsdp", "sympy", "triton", "scipy.optimize", "wcwidth", "matplotlib"}
assert not dear & set(sys.modules), dear & set(sys.modules)
"""
COMPILES = """
import torch._dynamo  # as torch.compile does
assert [trained(kind) for kind in kinds] == before
"""
NEEDS = """
import sys
import fgsgl.util.cured_stack
from mmengine.optim import ZeroRedundancyOptimizer
assert "torch.distributed.fsdp" not in sys.modules
assert not isinstance(3, ZeroRedundancyOptimizer) and "torch.distributed.fsdp" not in sys.modules
class Own(ZeroRedundancyOptimizer):
    pass
from torch.distributed.optim import ZeroRedundancyOptimizer as Real
assert issubclass(Own, Real)
from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS, STRATEGIES
assert issubclass(OPTIMIZERS.get("ZeroRedundancyOptimizer"), Real)
assert isinstance(STRATEGIES.get("mmengine._strategy.fsdp.FSDPStrategy"), type)
from mmengine.model import MMFullyShardedDataParallel
assert MMFullyShardedDataParallel.train_step is not None
from ftfy.formatting import display_ljust
assert display_ljust("ab", 4) == "ab  "
"""


def run(program: str) -> None:
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.slow
def test_a_training_imports_no_compiler() -> None:
    run(TRAINS)


@pytest.mark.slow
def test_a_training_without_a_compiler_steps_as_with_one() -> None:
    run(TRAINS + COMPILES)


@pytest.mark.slow
def test_what_was_put_off_is_there_when_it_is_used() -> None:
    run(NEEDS)
