"""``python benchmarks/fgsgl_overhead.py``: what FG-SA and CP-A add to a training step and to inference.

The same tower with LoRA and the category loss of a linear layer is the measure (1.00); beside it stand CP-A alone, and
the whole of FG-SGL. Tensors are random and in memory; the variants take turns, step by step, so that whatever else the
machine does meets all of them. On a CPU the time is the processor's, which others do not take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from measuring import start_with_cell_memory
from mmaction.structures import ActionDataSample
from msgspec import to_builtins

from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.precision import native
from fgsgl.records.environment import git_state, hardware, resolve_device, versions
from fgsgl.util.errors import run_command

VARIANTS = {
    "tower, LoRA, linear head": {"fgsa": False, "cpa": False},
    "with CP-A": {"fgsa": False},
    "with CP-A and FG-SA (FG-SGL)": {},
}
NUM_CLASSES = 17
WARM_UP = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/fgsgl_overhead.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument(
        "--backbone", default="synmg-tiny", help="open_clip model, random weights (default: synmg-tiny)"
    )
    parser.add_argument("--image-size", type=int, default=112, help="pixels (default: %(default)s)")
    parser.add_argument("--num-frames", type=int, default=8, help="of a clip (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="clips (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="of every variant (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of a CPU (default: all cores)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    return run_command(lambda: measure(parser.parse_args(argv)))


def measure(arguments: argparse.Namespace) -> int:
    """Measures every variant, prints the table and writes it."""
    start_with_cell_memory()
    torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    autocast = native(device)
    models = {name: _model(changes, arguments, autocast).to(device) for name, changes in VARIANTS.items()}
    shape = (arguments.batch_size, arguments.num_frames, 3, arguments.image_size, arguments.image_size)
    clip_BTCHW = torch.randn(shape, device=device)
    samples = [ActionDataSample().set_gt_label(index % NUM_CLASSES) for index in range(arguments.batch_size)]
    train_s = _in_turn({name: _training(model, clip_BTCHW, samples) for name, model in models.items()}, arguments.steps)
    for model in models.values():
        model.eval()
    test_s = _in_turn({name: _inference(model, clip_BTCHW) for name, model in models.items()}, arguments.steps)
    result = {
        "backbone": arguments.backbone, "shape": shape, "train_s": train_s, "test_s": test_s,
        "hardware": to_builtins(hardware(device, arguments.threads, autocast)),
        "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"overhead-{arguments.backbone.lower()}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(result)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _model(changes: dict[str, Any], arguments: argparse.Namespace, autocast: str) -> FGSGL:
    torch.manual_seed(0)
    settings = {"num_frames": arguments.num_frames, "image_size": arguments.image_size, "tower": arguments.backbone}
    return FGSGL(num_classes=NUM_CLASSES, pretrained=None, autocast=autocast, **settings, **changes)


def _training(model: FGSGL, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)

    def step() -> None:
        loss, _ = model.parse_losses(model(clip_BTCHW, samples, mode="loss"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _inference(model: FGSGL, clip_BTCHW: torch.Tensor) -> Callable[[], None]:
    def step() -> None:
        with torch.no_grad():
            model(clip_BTCHW, None, mode="predict")

    return step


def _in_turn(steps: dict[str, Callable[[], None]], count: int) -> dict[str, list[float]]:
    """Seconds of every step, a step of each in turn."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    spent_s: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(WARM_UP + count):
        for name, step in steps.items():
            started_s = clock()
            step()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            spent_s[name].append(clock() - started_s)
    return {name: values[WARM_UP:] for name, values in spent_s.items()}


def _markdown(result: dict[str, Any]) -> str:
    first = next(iter(VARIANTS))
    batch, frames, _, side, _ = result["shape"]
    lines = [
        f"# What FG-SA and CP-A add to {result['backbone']}", "",
        f"{batch} clips of {frames} frames, {side} px; median of {len(result['train_s'][first])} steps in turn, and "
        "the ratio of the medians.", "",
        "| | training step ms | ratio | inference ms | ratio |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name in VARIANTS:
        cells = []
        for times_s in (result["train_s"], result["test_s"]):
            middle_s, base_s = statistics.median(times_s[name]), statistics.median(times_s[first])
            cells += [f"{1000 * middle_s:.1f}", f"{middle_s / base_s:.3f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    about = ", ".join(f"{name} {value}" for name, value in result["hardware"].items() if value)
    lines += ["", f"{about}; torch {result['versions']['torch']}; commit {str(result['git_commit'])[:12]}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
