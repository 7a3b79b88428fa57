"""The cost of using or training a recognizer: floating-point operations, latency of one clip, throughput of a batch.

Shapes: B clips.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from fgsgl.records.record import Cost
from fgsgl.util.late_imports import eager

REPEATS = 5


@torch.no_grad()
def measure(model: BaseModel, batch: dict[str, Any], repeats: int = REPEATS) -> Cost:
    """``gflops`` of one clip (a multiplication and an addition count as two; convolutions, products of matrices and
    attention, as torch's counter knows them), ``latency_ms`` of a batch of one and ``clips_per_s`` of the given batch.

    Each time is the median of some repeats after one that is not counted, from uint8 frames to probabilities, with
    whatever else the machine does meanwhile: ask for no times where other cells run.

    Args:
        model: in evaluation mode afterwards.
        batch: ``{"inputs": [...], "data_samples": [...]}`` as the loader gives it.
        repeats: of each time; 0: operations are counted, and nothing is timed.
    """
    model.eval()
    one = {name: values[:1] for name, values in batch.items()}
    model.test_step(one)  # what is done once an evaluation, such as reading the classes' text, is not a clip's
    with eager(), FlopCounterMode(display=False) as counter:  # it sees no compiled operations
        model.test_step(one)
    gflops = counter.get_total_flops() / 1e9
    if not repeats:
        return Cost(gflops=gflops)
    latency_ms, batch_s = 1000 * _seconds(model, one, repeats), _seconds(model, batch, repeats)
    return Cost(gflops=gflops, latency_ms=latency_ms, clips_per_s=len(batch["inputs"]) / batch_s)


def _seconds(model: BaseModel, batch: dict[str, Any], repeats: int) -> float:
    spent_s = []
    for _ in range(repeats + 1):
        started_s = time.perf_counter()
        model.test_step(batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        spent_s.append(time.perf_counter() - started_s)
    return statistics.median(spent_s[1:])


def training_gflops(loss_of: Callable[[dict[str, Any]], Tensor], batch: dict[str, Any], batch_size: int) -> float:
    """GFLOPs of one clip in a training step, forward and backward, as :func:`measure` counts them.

    A step of B clips costs a + b B operations, where ``a`` does not depend on the clips, such as to read the classes'
    text. Both follow from steps of one and of two clips; a clip's share is ``a / batch_size + b``. Products are counted
    by their shapes and not computed, so that this takes seconds for networks that train on a GPU alone.

    Args:
        loss_of: batch -> loss of a recognizer that is set to training.
        batch: of two clips or more, as the loader gives it.
        batch_size: clips of a step.
    """
    one, two = (_step_flops(loss_of, {name: values[:count] for name, values in batch.items()}) for count in (1, 2))
    return ((2 * one - two) / batch_size + two - one) / 1e9


def _step_flops(loss_of: Callable[[dict[str, Any]], Tensor], batch: dict[str, Any]) -> int:
    torch.manual_seed(0)  # some losses draw
    formulas = {torch.ops.aten.convolution_backward: _convolution_backward_flops}
    with eager(), _ShapesOnly(), FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        loss_of(batch).backward()
    return counter.get_total_flops()


def _convolution_backward_flops(
    grad_out_shape: Sequence[int], x_shape: Sequence[int], w_shape: Sequence[int], *arguments: Any, **named: Any
) -> int:
    """The gradients of input and weights each cost what the convolution costs. Torch's own formula counts that of the
    weights ``groups`` times, which makes depthwise convolutions dear."""
    _bias, _stride, _padding, _dilation, transposed, _output_padding, _groups, wanted = arguments[:8]
    places = (x_shape if transposed else grad_out_shape)[2:]
    return 2 * x_shape[0] * prod(places) * prod(w_shape) * sum(wanted[:2])


class _ShapesOnly(TorchDispatchMode):
    """Answers every operation that is counted with zeros of the right shape."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._overloadpacket not in flop_registry:
            return func(*args, **(kwargs or {}))
        args, kwargs = tree_map_only(Tensor, lambda tensor: tensor.to("meta"), (args, kwargs or {}))
        answered = func(*args, **kwargs)
        return tree_map_only(Tensor, lambda tensor: torch.zeros(tensor.shape, dtype=tensor.dtype), answered)
