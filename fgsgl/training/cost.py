"""The cost of using a recognizer: floating-point operations, latency of one clip, throughput of a batch.

Shapes: B clips.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from mmengine.model import BaseModel
from torch.utils.flop_counter import FlopCounterMode

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
