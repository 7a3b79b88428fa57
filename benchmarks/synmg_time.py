"""``python benchmarks/synmg_time.py``: what SynMG costs on this machine, with rendering, caching and training apart.

Rendering is measured without encoding; making a data set renders, encodes and writes; caching decodes; a cell trains
and evaluates alone on the machine, as many threads as it has cores. The result is written as JSON and as a table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from fgsgl.data.synmg.clips import plan, render_clip
from fgsgl.data.synmg.presets import get_preset
from fgsgl.records.environment import git_state, versions
from fgsgl.util.errors import run_command

CLIPS = 40
"""Clips that a repeat renders."""
REPEATS = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/synmg_time.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--preset", default="quick", help="preset of the data set and of the cells (default: quick)")
    parser.add_argument("--methods", nargs="+", default=["fgsgl", "tsm"], help="one cell each (default: fgsgl tsm)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments.preset, arguments.methods, arguments.out))


def measure(preset: str, methods: Sequence[str], out: Path) -> int:
    """Measures everything, prints the table and writes it."""
    rows = [*_rendering(preset)]
    with tempfile.TemporaryDirectory() as folder:
        rows += _making(preset, Path(folder) / "data")
        records = _cells(preset, methods, Path(folder))
    for record in records:
        name = record["config"]["display_name"]
        epochs = [row["train_s"] for row in record["curve"]]
        if epochs:
            rows.append(_row(f"{name}: an epoch of training", "s", epochs))
        rows += [_row(f"{name}: {phase}", "s", [seconds]) for phase, seconds in record["times_s"].items()]
    machine = records[0]["hardware"]
    result = {"preset": preset, "rows": rows, "hardware": machine, "versions": versions(), **to_builtins(git_state())}
    out.mkdir(parents=True, exist_ok=True)
    (out / f"synmg-{preset}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(preset, rows, machine, result)
    (out / f"synmg-{preset}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _rendering(preset: str) -> list[dict[str, Any]]:
    """Frames a second without encoding, in one process and in one a core."""
    settings, cores = get_preset(preset), cpu_count() or 1
    clips = plan(settings, 0)[:CLIPS]
    frames = CLIPS * settings.num_frames
    alone = _seconds(lambda: [_render(preset, clip) for clip in clips], "rendering in one process")
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(_render, preset), clips[: 2 * cores]))  # the processes start, and import torch
        together = _seconds(lambda: list(pool.map(partial(_render, preset), clips)), f"rendering in {cores} processes")
    return [
        _row("rendering, 1 process", "frames/s", [frames / s for s in alone]),
        _row(f"rendering, {cores} processes", "frames/s", [frames / s for s in together]),
    ]


def _render(preset: str, clip: Any) -> int:
    import torch

    torch.set_num_threads(1)
    return len(render_clip(get_preset(preset), 0, clip).frames_THWC)


def _making(preset: str, root: Path) -> list[dict[str, Any]]:
    """The whole data set: rendered, encoded and written; then decoded into the frame cache."""
    from fgsgl.data import datasets
    from fgsgl.data.cache.frame_cache import open_cache

    workers = cpu_count() or 1
    _say("making the data set")
    started_s = time.monotonic()
    table = datasets.get("synmg", preset).load(root, preset, 0, workers=workers)
    made_s = time.monotonic()
    _say("filling the frame cache")
    open_cache(table, 8, 112, workers=workers)
    cached_s = time.monotonic()
    clips, frames = len(table.clips), sum(clip.end_frame - clip.start_frame for clip in table.clips)
    return [
        _row("making the data set (H.264)", "s", [made_s - started_s]),
        _row("making the data set (H.264)", "frames/s", [frames / (made_s - started_s)]),
        _row("filling the frame cache", "s", [cached_s - made_s]),
        _row("filling the frame cache", "clips/s", [clips / (cached_s - made_s)]),
    ]


def _cells(preset: str, methods: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """The records of one cell a method, each alone on the machine."""
    command = [sys.executable, "-m", "fgsgl", "run", "--preset", preset, "--methods", *methods, "--jobs", "1"]
    command += ["--device", "cpu", "--root", str(folder / "data"), "--out", str(folder / "board")]
    subprocess.run(command, check=True, stdout=sys.stderr)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "board/ledger").glob("*.json")]
    by_method = {record["method"]: record for record in records}
    return [by_method[name] for name in methods]


def _seconds(work: Callable[[], Any], what: str) -> list[float]:
    spent = []
    for repeat in range(REPEATS):
        _say(f"{what}, {repeat + 1} of {REPEATS}")
        started_s = time.monotonic()
        work()
        spent.append(time.monotonic() - started_s)
    return spent


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def _row(what: str, unit: str, values: Sequence[float]) -> dict[str, Any]:
    low, middle, high = min(values), statistics.median(values), max(values)
    return {"what": what, "unit": unit, "n": len(values), "min": low, "median": middle, "max": high}


def _markdown(preset: str, rows: Sequence[dict[str, Any]], machine: dict[str, Any], result: dict[str, Any]) -> str:
    lines = [f"# SynMG {preset}: what it costs", "", "| | unit | median | min | max | n |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row['what']} | {row['unit']} | {row['median']:.4g} | {row['min']:.4g} | {row['max']:.4g} | {row['n']} |"
        for row in rows
    ]
    about = ", ".join(f"{name} {value}" for name, value in machine.items() if value)
    lines += ["", f"{about}; torch {result['versions']['torch']}; commit {str(result['git_commit'])[:12]}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
