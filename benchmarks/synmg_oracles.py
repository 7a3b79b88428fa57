"""``python benchmarks/synmg_oracles.py``: what SynMG's truth allows, with and without motion, by frames and clips.

Oracles learn from the training clips' true joints (or are told their attributes) and are scored on the test clips.
Nothing is rendered. The result is written as JSON and as a table.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from fgsgl.data.synmg import VERSION
from fgsgl.data.synmg.ceilings import DIMENSIONS, Ceiling, Motions, draw, from_attributes, from_joints
from fgsgl.data.synmg.oracle import GENEROUS, KINDS, View
from fgsgl.data.synmg.presets import get_preset
from fgsgl.records.environment import git_state, versions
from fgsgl.util.errors import run_command

SHARES = (0.25, 0.5, 1.0, 2.0, 4.0)
NO_PATH = tuple(name for name in DIMENSIONS if name != "trajectory")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/synmg_oracles.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--preset", default="quick", help="preset of the data set (default: quick)")
    parser.add_argument("--frames", nargs="+", type=int, default=[8, 16], help="frames of a clip (default: 8 16)")
    parser.add_argument("--seeds", type=int, default=3, help="data seeds 0..n-1 (default: 3)")
    parser.add_argument("--epochs", type=int, default=60, help="training epochs of an oracle (default: 60)")
    parser.add_argument("--no-curve", action="store_true", help="leave out the learning curve over training clips")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments))


def measure(arguments: argparse.Namespace) -> int:
    """Measures everything, prints the table and writes it."""
    preset, started_s = get_preset(arguments.preset), time.monotonic()
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.seeds):
        sys.stderr.write(f"data seed {seed}\n")
        train, test = (draw(preset, seed, split) for split in ("train", "test"))
        rows += _oracles(train, test, arguments.frames, arguments.epochs, seed)
        for share in () if arguments.no_curve else SHARES:
            if share != 1:
                more = draw(preset, seed, "train", share)
                rows += _motion(more, test, arguments.frames, arguments.epochs, seed, f"{share:g} x")
    shown = _means(rows)
    result = {"preset": preset.name, "synmg": VERSION, "rows": rows, "seconds": time.monotonic() - started_s}
    result |= {"versions": versions(), **to_builtins(git_state())}
    arguments.out.mkdir(parents=True, exist_ok=True)
    stem = f"synmg-oracles-{preset.name}"
    (arguments.out / f"{stem}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(preset.name, shown, arguments.seeds, result)
    (arguments.out / f"{stem}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _oracles(train: Motions, test: Motions, frames: Sequence[int], epochs: int, seed: int) -> Iterator[dict[str, Any]]:
    told = {"told all four attributes": DIMENSIONS, "told part, onset and outcome": NO_PATH}
    for name, dimensions in told.items():
        yield _row(name, 0, train, from_attributes(train, test, dimensions))
    for num_frames in frames:
        view = View(num_frames=num_frames)
        yield _row("static", num_frames, train, from_joints(KINDS[0], train, test, view, seed=seed, epochs=epochs))
    yield from _motion(train, test, frames, epochs, seed, "1 x")
    yield _row(
        "generous", GENEROUS.num_frames, train, from_joints(KINDS[1], train, test, GENEROUS, seed=seed, epochs=epochs)
    )


def _motion(
    train: Motions, test: Motions, frames: Sequence[int], epochs: int, seed: int, share: str
) -> Iterator[dict[str, Any]]:
    for num_frames in frames:
        ceiling = from_joints(KINDS[1], train, test, View(num_frames=num_frames), seed=seed, epochs=epochs)
        yield _row(f"motion, {share} the training clips", num_frames, train, ceiling)


def _row(what: str, num_frames: int, train: Motions, ceiling: Ceiling) -> dict[str, Any]:
    n_train = len(train.labels_N)
    return {"what": what, "frames": num_frames, "n_train": n_train, "top1": ceiling.top1, "pairs": ceiling.fine_pairs}


def _means(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each oracle, frames and training clips: means over the data seeds."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["what"], row["frames"], row["n_train"]), []).append(row)
    return [
        {**group[0], **{name: sum(row[name] for row in group) / len(group) for name in ("top1", "pairs")}}
        for group in groups.values()
    ]


def _markdown(preset: str, rows: Sequence[dict[str, Any]], n_seeds: int, result: dict[str, Any]) -> str:
    lines = [f"# SynMG {VERSION} {preset}: what its truth allows", ""]
    lines += ["| oracle | frames | training clips | top-1 % | fine pairs % |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['what']} | {row['frames'] or '–'} | {row['n_train']} | {100 * row['top1']:.1f} | "
        f"{100 * row['pairs']:.1f} |"
        for row in rows
    ]
    lines += ["", f"Means over {n_seeds} data seed(s); torch {result['versions']['torch']}; "]
    lines[-1] += f"{result['seconds']:.0f} s."
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
