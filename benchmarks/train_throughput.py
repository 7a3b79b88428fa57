"""``python benchmarks/train_throughput.py``: clips a second of a training, three ways in turn, for TSM and FG-SGL.

*harness*: a cell as `fgsgl run` trains it (frame cache, augmentation on the device, every hook). *stock*: MMAction2's
own Runner with its PyAV pipeline on the same videos, model and batch. *bare*: the training step on tensors that are in
memory already, with nothing around it. Each repeat runs all three; the figures are the ratios, repeat by repeat.

``--against COMMIT`` measures the harness alone, at that commit and now, in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import against
import torch
from measuring import spread, start_with_cell_memory
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from msgspec import to_builtins
from rich.console import Console

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.data.clip_table import ClipTable
from fgsgl.data.prepare import load_data
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.models.precision import native
from fgsgl.records.environment import git_state, hardware, resolve_device, versions
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.training.hooks import CellHook
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import run_command

WARM_UP = 3
"""Steps that are not counted."""
WAYS = ("harness", "stock", "bare")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/train_throughput.py", description=__doc__.split(":", 1)[1].strip()
    )
    parser.add_argument("--methods", nargs="+", default=["tsm", "fgsgl"], help="names (default: tsm fgsgl)")
    parser.add_argument("--preset", default="quick", help="of SynMG (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="steps that are counted (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="of all three ways (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="decoding processes of the stock loop (default: 2)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of a CPU (default: all cores)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    parser.add_argument("--against", metavar="COMMIT", help="compare with a commit, instead of the three ways")
    parser.add_argument("--one", metavar="METHOD", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.one:
        return run_command(lambda: measure_one(arguments))
    return run_command(lambda: compare(arguments) if arguments.against else measure(arguments))


def compare(arguments: argparse.Namespace) -> int:
    """Measures every method at a commit and now, prints the table and writes it."""
    words = ["--preset", arguments.preset, "--steps", str(arguments.steps), "--device", arguments.device]
    words += ["--threads", str(arguments.threads)]
    found = against.in_turn(arguments.against, arguments.methods, arguments.repeats, arguments.threads, words)
    device = resolve_device(arguments.device)
    result = {
        "against": arguments.against, "preset": arguments.preset, "steps": arguments.steps,
        "rows": {name: [[one._asdict() for one in pair] for pair in pairs] for name, pairs in found.items()},
        "hardware": to_builtins(hardware(device, arguments.threads, native(device))),
        "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    lines = [
        f"# Training against {arguments.against}", "",
        f"SynMG {arguments.preset}, {arguments.steps} steps of the harness at each commit in turn, n = "
        f"{arguments.repeats}, median (min to max). Losses of the same steps on the same clips.", "",
        *against.table(found),
    ]  # fmt: skip
    _write(arguments.out, "against", result, lines)
    return 0


def measure_one(arguments: argparse.Namespace) -> int:
    """Measures the harness for one method, and prints clips a second and the losses as JSON."""
    torch.set_num_threads(arguments.threads)
    MMLogger.get_instance("benchmark", log_level="ERROR")
    protocol, table = _data(arguments)
    with tempfile.TemporaryDirectory() as folder:
        runner = _harness(arguments.one, protocol, table, Path(folder))
        watch = _trained(runner, arguments.steps)
    clips = protocol.batch_size * arguments.steps
    found = against.Measured(clips / watch.spent_s, clips / watch.processor_s, watch.losses)
    sys.stdout.write(json.dumps(found._asdict()))
    return 0


def measure(arguments: argparse.Namespace) -> int:
    """Measures every method, prints the table and writes it."""
    start_with_cell_memory()
    torch.set_num_threads(arguments.threads)
    MMLogger.get_instance("benchmark", log_level="ERROR")
    device = resolve_device(arguments.device)
    protocol, table = _data(arguments)
    rows = []
    for name in arguments.methods:
        for repeat in range(arguments.repeats):
            sys.stderr.write(f"{name}, {repeat + 1} of {arguments.repeats}\n")
            rows.append({"method": name, **_repeat(name, protocol, table, arguments)})
    autocast = native(device)
    result = {
        "preset": arguments.preset, "batch_size": protocol.batch_size, "steps": arguments.steps, "rows": rows,
        "hardware": to_builtins(hardware(device, arguments.threads, autocast)),
        "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    _write(arguments.out, "train", result, _lines(result))
    return 0


def _data(arguments: argparse.Namespace) -> tuple[Protocol, ClipTable]:
    protocol = default_protocol("synmg", arguments.preset)
    table = load_data(
        protocol.data_spec(None), Console(stderr=True), num_frames=protocol.num_frames, image_size=protocol.image_size,
        skip_bad=protocol.skip_bad,
    )  # fmt: skip
    return protocol, table


def _repeat(name: str, protocol: Protocol, table: ClipTable, arguments: argparse.Namespace) -> dict[str, float]:
    """Clips a second of each way."""
    with tempfile.TemporaryDirectory() as folder:
        runners = {
            "harness": _harness(name, protocol, table, Path(folder) / "harness"),
            "stock": _stock(name, protocol, table, Path(folder) / "stock", arguments.workers),
        }
        seconds = {way: _trained(runner, arguments.steps).spent_s for way, runner in runners.items()}
        seconds["bare"] = _bare_s(runners["harness"], arguments.steps)
    return {way: protocol.batch_size * arguments.steps / seconds[way] for way in WAYS}


def _config(name: str, protocol: Protocol, table: ClipTable, work_dir: Path) -> dict[str, Any]:
    """A cell's config without its validation, for more epochs than are run."""
    classes = Classes(count=len(table.classes), text=protocol.data_spec(table.root).text)
    config = build_config(
        get(name), {}, protocol, 0, classes=classes, root=table.root, work_dir=work_dir,
        n_train=len(table.split("train")),
    )  # fmt: skip
    for part in ("dataloader", "evaluator", "cfg"):
        config[f"val_{part}"] = config[f"test_{part}"] = None
    config["model"]["autocast"] = native("cuda" if torch.cuda.is_available() else "cpu")
    config["train_cfg"]["max_epochs"] = 100
    config["custom_hooks"] = [hook for hook in config["custom_hooks"] if hook["type"] != "CalibrateHook"]
    config["log_level"] = "ERROR"
    return {**config, "experiment_name": f"benchmark-{time.monotonic_ns()}"}


def _harness(name: str, protocol: Protocol, table: ClipTable, work_dir: Path) -> Runner:
    runner = Runner.from_cfg(Config(_config(name, protocol, table, work_dir)))
    runner.register_hook(CellHook(work_dir / "progress.json", work_dir / "curve.jsonl"))
    return runner


def _stock(name: str, protocol: Protocol, table: ClipTable, work_dir: Path, workers: int) -> Runner:
    """The same model and optimizer, fed as MMAction2's configs do: decoded anew, augmented clip by clip on the CPU."""
    config = _config(name, protocol, table, work_dir)
    work_dir.mkdir(parents=True)
    annotations = work_dir / "train.txt"
    annotations.write_text("".join(f"{table.path(clip)} {clip.label}\n" for clip in table.split("train")))
    size = (protocol.image_size, protocol.image_size)
    config["train_dataloader"] = {
        "batch_size": protocol.batch_size,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "sampler": {"type": "DefaultSampler", "shuffle": True},
        "dataset": {
            "type": "VideoDataset",
            "ann_file": str(annotations),
            "pipeline": [
                {"type": "PyAVInit"},
                {"type": "SampleFrames", "clip_len": 1, "frame_interval": 1, "num_clips": protocol.num_frames},
                {"type": "PyAVDecode"},
                {"type": "RandomResizedCrop", "area_range": (0.8, 1.0)},
                {"type": "Resize", "scale": size, "keep_ratio": False},
                {"type": "Flip", "flip_ratio": 0.5},
                {"type": "FormatShape", "input_format": "NCHW"},
                {"type": "PackActionInputs"},
            ],
        },
    }
    preprocessor = config["model"]["data_preprocessor"]
    config["model"]["data_preprocessor"] = {
        "type": "ActionDataPreprocessor", "mean": preprocessor["mean"], "std": preprocessor["std"],
        "format_shape": "NCHW",
    }  # fmt: skip
    return Runner.from_cfg(Config(config))


class Stopped(Exception):
    """Enough steps were measured."""


class StopwatchHook(Hook):
    """Measures a number of steps after some that are not counted, then ends the training."""

    priority = "LOWEST"

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.spent_s = self.processor_s = 0.0
        self.losses: list[float] = []

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, torch.Tensor] | None = None
    ) -> None:
        """Starts or stops the clock; what the device still has to do counts."""
        self.losses.append(float((outputs or {})["loss"].detach()))
        done = runner.iter + 1 - WARM_UP
        if done in (0, self.steps):
            _wait_for_device()
            self.spent_s = time.perf_counter() - self.spent_s
            self.processor_s = time.process_time() - self.processor_s
        if done == self.steps:
            raise Stopped


def _trained(runner: Runner, steps: int) -> StopwatchHook:
    """Trains some steps, loading and hooks included; the stopwatch that measured them."""
    stopwatch = StopwatchHook(steps)
    runner.register_hook(stopwatch)
    try:
        runner.train()
    except Stopped:
        return stopwatch
    raise RuntimeError(f"the training ended before {steps} steps were measured")


def _bare_s(runner: Runner, steps: int) -> float:
    """Seconds of some steps of the trained model and its optimizer on one batch of normalised tensors."""
    batch = runner.model.data_preprocessor(next(iter(runner.train_dataloader)), training=True)
    runner.model.train()
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            _wait_for_device()
            started_s = time.perf_counter()
        losses = runner.model(**batch, mode="loss")
        loss, _ = runner.model.parse_losses(losses)
        runner.optim_wrapper.update_params(loss)
    _wait_for_device()
    return time.perf_counter() - started_s


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [
        "# Training throughput", "",
        f"SynMG {result['preset']}, batches of {result['batch_size']}, {result['steps']} steps of each way in turn, "
        f"n = {sum(row['method'] == result['rows'][0]['method'] for row in result['rows'])}, median (min to max).", "",
        "| | harness clips/s | stock clips/s | bare clips/s | harness / bare | harness / stock |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in dict.fromkeys(row["method"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["method"] == name]
        cells = [spread([row[way] for row in rows]) for way in WAYS]
        cells += [spread([row["harness"] / row[way] for row in rows]) for way in ("bare", "stock")]
        lines.append(f"| {get(name).display_name} | {' | '.join(cells)} |")
    return lines


def _write(out: Path, name: str, result: dict[str, Any], lines: Sequence[str]) -> None:
    """Writes figures as JSON and as a page that ends with machine, version and commit, and prints the page."""
    about = ", ".join(f"{name} {value}" for name, value in result["hardware"].items() if value)
    last = f"{about}; torch {result['versions']['torch']}; commit {str(result['git_commit'])[:12]}."
    text = "\n".join([*lines, "", last]) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
