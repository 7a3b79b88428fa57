"""``python benchmarks/gpu.py``: how close FG-SGL's training comes to the arithmetic that the device can do.

One row a batch size: a whole step (uint8 frames to the device, augmentation, loss, gradients, AdamW), clips a second,
its counted operations a second over the device's own rate for large products of matrices (model FLOP utilisation,
MFU), peak memory, the share of each phase, and what FG-SA and CP-A add to the same tower with a linear head. The last
two take turns with it, step by step. Weights are random, frames are in memory; a CPU runs it too, for a look.

Shapes: B clips, K kept frames, H, W.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from msgspec import to_builtins
from torch.utils.flop_counter import FlopCounterMode

import fgsgl.mmaction  # noqa: F401 (cures the stack)
from fgsgl.data.clip_table import PER_SEGMENT
from fgsgl.methods.tower_models import CLIP_MEAN, CLIP_STD
from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.precision import native
from fgsgl.models.preprocess_clips import ClipPreprocessor
from fgsgl.records.environment import git_state, hardware, require_compiler, resolve_device, versions
from fgsgl.util.errors import run_command

NUM_CLASSES = 17
WARM_UP = 3
"""Steps that are not counted."""
PHASES = ("input", "forward", "backward", "optimizer")
TOWER_ALONE = {"fgsa": False, "cpa": False}
"""Settings of the tower with LoRA and a linear head."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One batch size; times are medians over the steps."""

    batch_size: int
    step_ms: float
    clips_per_s: float
    mfu: float
    peak_mib: float
    shares: Mapping[str, float]
    """Of each of :data:`PHASES`, measured with the device waited for after each; together 1."""
    over_tower: float
    """A step over one of the tower with a linear head."""


class Training:
    """One recognizer in training on random clips.

    Args:
        changes: settings of FG-SGL.
        batch_size: clips of a step.
        arguments: of the command line.
    """

    def __init__(self, changes: Mapping[str, Any], batch_size: int, arguments: argparse.Namespace) -> None:
        torch.manual_seed(0)
        self.device = torch.device(resolve_device(arguments.device))
        self.model = FGSGL(
            num_classes=NUM_CLASSES, pretrained=None, tower=arguments.backbone, num_frames=arguments.num_frames,
            image_size=arguments.image_size, autocast=native(str(self.device)),
            data_preprocessor=ClipPreprocessor(mean=CLIP_MEAN, std=CLIP_STD),
            **changes,
        ).to(self.device)  # fmt: skip
        if arguments.compile:
            require_compiler(str(self.device))
            self.model.tower.compile_visual()
        tuned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(tuned, lr=1e-4, fused=True)
        side = arguments.image_size
        shape = (batch_size, PER_SEGMENT * arguments.num_frames, side, side, 3)
        frames_BKHWC = torch.randint(256, shape, dtype=torch.uint8)
        if self.device.type == "cuda":
            frames_BKHWC = frames_BKHWC.pin_memory()
        samples = [ActionDataSample().set_gt_label(index % NUM_CLASSES) for index in range(batch_size)]
        self.batch = {"inputs": list(frames_BKHWC), "data_samples": samples}

    def step(self, after: Callable[[str], None] = lambda phase: None) -> None:
        """One step; ``after`` is called with the name of each phase when it has been asked for."""
        data = self.model.data_preprocessor(self.batch, training=True)
        after("input")
        loss, _ = self.model.parse_losses(self.model(**data, mode="loss"))
        after("forward")
        self.optimizer.zero_grad()
        loss.backward()
        after("backward")
        self.optimizer.step()
        after("optimizer")

    def timed_s(self) -> float:
        """Seconds of one step."""
        wait(self.device)
        started_s = time.perf_counter()
        self.step()
        wait(self.device)
        return time.perf_counter() - started_s

    def phases_s(self) -> dict[str, float]:
        """Seconds of each phase of one step, the device waited for after each."""
        spent_s: dict[str, float] = {}
        wait(self.device)
        last_s = time.perf_counter()

        def after(phase: str) -> None:
            nonlocal last_s
            wait(self.device)
            now_s = time.perf_counter()
            spent_s[phase], last_s = now_s - last_s, now_s

        self.step(after)
        return spent_s

    def operations(self) -> int:
        """Counted floating-point operations of one step: two for a multiplication with an addition."""
        with FlopCounterMode(display=False) as counter:
            self.step()
        return int(counter.get_total_flops())


def wait(device: torch.device) -> None:
    """Waits for what the device has been asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matrix_rate(device: torch.device, side: int, repeats: int = 20) -> float:
    """Operations a second of products of square matrices in the type that training computes in; the best of some."""
    kind = torch.bfloat16 if native(str(device)) == "bf16" else torch.float32
    one_SS, other_SS = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    best_s = float("inf")
    for _ in range(repeats):
        wait(device)
        started_s = time.perf_counter()
        one_SS @ other_SS
        wait(device)
        best_s = min(best_s, time.perf_counter() - started_s)
    return 2 * side**3 / best_s


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--backbone", default="ViT-B-16", help="open_clip model, random weights (default: ViT-B-16)")
    parser.add_argument("--image-size", type=int, default=224, help="pixels (default: %(default)s)")
    parser.add_argument("--num-frames", type=int, default=8, help="of a clip (default: %(default)s)")
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256], help="clips (default: 8 to 256)"
    )
    parser.add_argument("--steps", type=int, default=20, help="that are counted (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="compile the visual tower")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    return run_command(lambda: measure(parser.parse_args(argv)))


def measure(arguments: argparse.Namespace) -> int:
    """Measures every batch size, prints the table and writes it."""
    device = torch.device(resolve_device(arguments.device))
    rate = matrix_rate(device, 8192 if device.type == "cuda" else 1024)
    rows, skipped = [], []
    for batch_size in arguments.batch_sizes:
        sys.stderr.write(f"{batch_size} clips\n")
        try:
            rows.append(_row(batch_size, rate, arguments))
        except torch.OutOfMemoryError:
            skipped.append(batch_size)
        if device.type == "cuda":
            torch.cuda.empty_cache()
    result = {
        "backbone": arguments.backbone, "image_size": arguments.image_size, "num_frames": arguments.num_frames,
        "steps": arguments.steps, "compile": arguments.compile, "matrix_tflops": rate / 1e12,
        "rows": [asdict(row) for row in rows], "out_of_memory": skipped,
        "hardware": to_builtins(hardware(str(device), torch.get_num_threads(), native(str(device)))),
        "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    arguments.out.mkdir(parents=True, exist_ok=True)
    name = f"gpu-{arguments.backbone.lower()}" + "-compiled" * arguments.compile
    (arguments.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(result)
    (arguments.out / f"{name}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _row(batch_size: int, rate: float, arguments: argparse.Namespace) -> Row:
    whole, tower = (Training(changes, batch_size, arguments) for changes in ({}, TOWER_ALONE))
    peak_mib = _peak_mib(whole)
    operations = whole.operations()
    pairs_s = [(whole.timed_s(), tower.timed_s()) for _ in range(WARM_UP + arguments.steps)][WARM_UP:]
    phases_s = [whole.phases_s() for _ in range(arguments.steps)]
    step_s = statistics.median(own_s for own_s, _ in pairs_s)
    of_phase_s = {phase: statistics.median(one[phase] for one in phases_s) for phase in PHASES}
    return Row(
        batch_size=batch_size,
        step_ms=1000 * step_s,
        clips_per_s=batch_size / step_s,
        mfu=operations / step_s / rate,
        peak_mib=peak_mib,
        shares={phase: spent_s / sum(of_phase_s.values()) for phase, spent_s in of_phase_s.items()},
        over_tower=statistics.median(own_s / tower_s for own_s, tower_s in pairs_s),
    )


def _peak_mib(training: Training) -> float:
    """Most memory of the device that steps take; 0 on a CPU, where nothing tells."""
    if training.device.type != "cuda":
        training.step()
        return 0.0
    torch.cuda.reset_peak_memory_stats(training.device)
    for _ in range(WARM_UP):
        training.step()
    wait(training.device)
    return torch.cuda.max_memory_allocated(training.device) / 2**20


def _markdown(result: Mapping[str, Any]) -> str:
    clips = f"{result['num_frames']} frames, {result['image_size']} px"
    lines = [
        f"# Training FG-SGL on {result['backbone']}" + ", compiled" * result["compile"], "",
        f"Clips of {clips}; median of {result['steps']} steps. MFU is over {result['matrix_tflops']:.3g} TFLOP/s, the "
        "rate of large products of matrices in the same run.", "",
        f"| clips a step | step ms | clips/s | MFU % | peak MiB | {' | '.join(f'{phase} %' for phase in PHASES)} | "
        "over the tower with a linear head |",
        "|---" * (6 + len(PHASES)) + "|",
    ]  # fmt: skip
    for row in result["rows"]:
        shares = " | ".join(f"{100 * row['shares'][phase]:.1f}" for phase in PHASES)
        lines.append(
            f"| {row['batch_size']} | {row['step_ms']:.1f} | {row['clips_per_s']:.0f} | {100 * row['mfu']:.1f} | "
            f"{row['peak_mib'] or '–':{'.0f' if row['peak_mib'] else ''}} | {shares} | {row['over_tower']:.3f} |"
        )
    if result["out_of_memory"]:
        lines += ["", f"Out of memory: {', '.join(map(str, result['out_of_memory']))} clips."]
    about = ", ".join(f"{name} {value}" for name, value in result["hardware"].items() if value)
    lines += ["", f"{about}; torch {result['versions']['torch']}; commit {str(result['git_commit'])[:12]}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
