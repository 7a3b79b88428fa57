"""``python benchmarks/predict_time.py``: how many videos a second a recognizer names, and how long a recording takes.

FG-SGL on the tower that ships, with random weights where it is trained, which cost the same as trained ones. The videos
are SynMG's (H.264, two to three seconds); the recording is a minute of them in one file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import fgsgl.util.cured_stack

import numpy as np
import torch
from measuring import spent, spread
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope
from msgspec import to_builtins

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.video.decoding import decode
from fgsgl.data.video.video_file import rgb, write_h264
from fgsgl.methods.cell import Variant
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.prediction.recognizer import Recognizer
from fgsgl.prediction.trained import Trained
from fgsgl.records.environment import git_state, hardware, resolve_device, versions
from fgsgl.records.protocol import default_protocol
from fgsgl.text import fgtext
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import run_command

VIDEOS, MINUTES, REPEATS = 24, 1.0, 3
WINDOW_S, STRIDE_S = 2.0, 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/predict_time.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--preset", default="quick", help="of SynMG, made where it is missing (default: %(default)s)")
    parser.add_argument("--videos", type=int, default=VIDEOS, help="short ones (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of the recording (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each row (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    return run_command(lambda: measure(parser.parse_args(argv)))


def measure(arguments: argparse.Namespace) -> int:
    """Measures every row, prints the table and writes it."""
    table = DataSpec.locate("synmg", arguments.preset, 0, None).made(2)
    paths = [table.path(clip) for clip in table.split("test")[: arguments.videos]]
    device, trained = resolve_device(arguments.device), untrained()
    started_s = time.monotonic()
    recognizer = Recognizer(trained, device)
    load_s = time.monotonic() - started_s
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording.mp4"
        length_s = record(paths, recording, 60 * arguments.minutes)
        work: dict[str, tuple[str, float, Callable[[], object]]] = {
            "videos, named and explained": (
                "videos/s", len(paths), lambda: [recognizer.predict(path) for path in paths]
            ),
            "videos, named": (
                "videos/s", len(paths), lambda: [recognizer.predict(path, explain=False) for path in paths]
            ),
            f"a recording, windows of {WINDOW_S:g} s every {STRIDE_S:g} s": (
                "times real time", length_s, lambda: list(recognizer.timeline(recording, WINDOW_S, STRIDE_S))
            ),
        }  # fmt: skip
        recognizer.predict(paths[0])  # what is done once
        rates = {
            what: [amount / spent(action).clock_s for _ in range(arguments.repeats)]
            for what, (_, amount, action) in work.items()
        }
    result = {
        "videos": len(paths), "recording_s": length_s, "load_s": load_s, "rates": rates, "device": device,
        "command": "python benchmarks/predict_time.py", "threads": torch.get_num_threads(),
        "hardware": to_builtins(hardware(device, torch.get_num_threads(), "none")), "versions": versions(),
        **to_builtins(git_state()),
    }  # fmt: skip
    rows = [f"| {what} | {spread(rates[what])} {unit} |\n" for what, (unit, _, _) in work.items()]
    text = (
        "# Naming what videos show\n\n"
        f"FG-SGL on synmg-tiny, {device}, {result['threads']} thread(s); {len(paths)} videos of SynMG "
        f"{arguments.preset}, a recording of {length_s:.0f} s; {arguments.repeats} repeats, median (min to max). "
        "Loading the recognizer took "
        f"{load_s:.1f} s, imports not counted.\n\n| | rate |\n|---|---|\n{''.join(rows)}\n"
        f"`{result['command']}`; {result['hardware']['cpu']}; commit {str(result['git_commit'])[:12]}.\n"
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "predict.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (arguments.out / "predict.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def untrained() -> Trained:
    """FG-SGL on SynMG as it starts."""
    init_default_scope("mmaction")
    method, protocol, text = get("fgsgl"), default_protocol("synmg"), fgtext.load("synmg")
    classes = Classes(count=len(text.classes), text="synmg")
    config = build_config(method, {}, protocol, 0, classes=classes, root=Path(), work_dir=Path())
    return Trained(
        variant=Variant(method="fgsgl"), protocol=protocol, seed=0, classes=text.class_names, text=fgtext.dump(text),
        origin="FG-SGL, untrained", state=MODELS.build(config["model"]).state_dict(),
    )  # fmt: skip


def record(paths: Sequence[Path], path: Path, length_s: float) -> float:
    """Writes videos one after the other, again and again, as one of about this length, which it returns."""
    fps, frames = 25.0, []
    while len(frames) < length_s * fps:
        for source in paths:
            for frame in decode(source):
                frames.append(rgb(source, frame, None))
    write_h264(path, np.stack(frames[: int(length_s * fps)]), fps)
    return min(len(frames), int(length_s * fps)) / fps


if __name__ == "__main__":
    sys.exit(main())
