"""``python benchmarks/harness_time.py``: what the harness itself costs, with imports and training apart.

Planning holds cells against an empty ledger and writes the plan; a relaunch finds all of them done (one is run, the
others are copies of it with other seeds and predictions), and a board that is newer. A cell's time, from its start to
its record as the command sees it, is divided into phases; what belongs to none of them is the harness. What it does
inside the training loop is measured by ``benchmarks/train_throughput.py``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from copied_records import other_answers, write_copy
from measuring import Spent, spent, spread
from msgspec import structs, to_builtins
from rich.console import Console

from fgsgl.data.prepare import load_data
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.environment import git_state, hardware, versions
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import add_to_plan
from fgsgl.records.predictions import predictions_of
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.records.record import Done
from fgsgl.running.execution import Execution, Place, local_place
from fgsgl.running.planning import cells, plan
from fgsgl.running.progress import Live
from fgsgl.running.scheduler import Plan, execute
from fgsgl.util.errors import UserError, run_command

CELLS = 10_000
SEEDS = 8
MOST_SEEDS = 1000
"""That a command takes."""
REPEATS = 3
METHODS = ("fgsgl", "tsm")
MODELS = Path(__file__).resolve().parents[1] / "results" / "synmg-2" / "ledger"
IMPORTS = {
    "the interpreter alone": "",
    "what `fgsgl run` imports": "fgsgl.cli.main, fgsgl.running.experiment",
    "what a cell imports before its clock": "fgsgl.training.run_cell",
    "and torch, MMAction2 and the recognizers": "fgsgl.training.run_cell, fgsgl.training.train",
}
PHASES = ("import", "data", "build", "train", "evaluate")
ASIDE = ("cost", "localise")
"""Phases that measure something beside the result."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/harness_time.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--cells", type=int, default=CELLS, help="that are planned (default: %(default)s)")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="one cell each (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each row (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments.cells, arguments.methods, arguments.repeats, arguments.out))


def measure(count: int, methods: Sequence[str], repeats: int, out: Path) -> int:
    """Measures everything, prints the tables and writes them."""
    imports = {name: [spent(partial(_import, names)) for _ in range(repeats)] for name, names in IMPORTS.items()}
    protocol = default_protocol("synmg", "smoke", epochs=2, batch_size=8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = protocol.data_spec(folder / "data")
        table = load_data(
            data, Console(file=io.StringIO()), num_frames=protocol.num_frames, image_size=protocol.image_size,
            skip_bad=protocol.skip_bad,
        )  # fmt: skip
        fingerprint, text, seeds = table.fingerprint(), data.text, min(count, MOST_SEEDS)
        command = {
            f"planning {count} cells": [
                spent(partial(_plan, count, protocol, fingerprint, text, folder / f"plan-{repeat}"))
                for repeat in range(repeats)
            ],
            f"`fgsgl run` that finds {seeds} cells done": _relaunches(
                cells([Variant(method="fgsgl")], protocol, seeds, fingerprint, text), folder, repeats
            ),
        }
        of_cells = {
            method: [
                _cell(Cell(variant=Variant(method=method), protocol=protocol, seed=seed, fingerprint=fingerprint,
                           text=text), folder)
                for seed in range(repeats)
            ]
            for method in methods
        }  # fmt: skip
    result = {
        "cells": count, "imports": imports, "command": command, "phases": of_cells, "load": os.getloadavg()[2],
        "line": "python benchmarks/harness_time.py", "hardware": to_builtins(hardware("cpu", 1, "none")),
        "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "harness.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(result, repeats)
    (out / "harness.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _import(names: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {names}" if names else ""], check=True)


def _plan(count: int, protocol: Protocol, fingerprint: str, text: str, folder: Path) -> None:
    """Rows of one variant each, eight seeds a row, as a large ablation has them."""
    changed = [
        Variant(method="fgsgl", name=f"loss_fine={1 + row}", changes={"loss_fine": 1.0 + row})
        for row in range(-(-count // SEEDS))
    ]
    wanted = cells(changed, protocol, SEEDS, fingerprint, text)[:count]
    folder.mkdir()
    add_to_plan(folder, [item.cell.planned() for item in plan(wanted, Ledger(folder / "ledger"), [MODELS])])


def _relaunches(wanted: Sequence[Cell], folder: Path, repeats: int) -> list[Spent]:
    """The first call, which is not measured, writes the board."""
    out, protocol = folder / "board", wanted[-1].protocol
    write_records(wanted, folder)
    seeds = sum(cell.variant.method == "fgsgl" for cell in wanted)
    command = [sys.executable, "-m", "fgsgl", "run", "--methods", "fgsgl", "--preset", protocol.preset]
    command += ["--epochs", str(protocol.epochs), "--batch-size", str(protocol.batch_size), "--seeds", str(seeds)]
    command += ["--device", "cpu", "--root", str(folder / "data"), "--out", str(out)]
    calls = [spent(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) for _ in range(1 + repeats)]
    return calls[1:]


def write_records(wanted: Sequence[Cell], folder: Path) -> None:
    """A finished record for each cell: those of seed 0 are run, the others are copies of their method's.

    Raises:
        UserError: if a cell fails.
    """
    place = local_place(
        folder / "board", wanted[0].protocol.data_spec(folder / "data"), Execution(device="cpu", jobs=1)
    )
    first, random = {cell.variant.method: cell for cell in wanted if cell.seed == 0}, np.random.default_rng(0)
    for cell in first.values():
        _run(cell, place)
    for cell in wanted:
        if cell.seed:
            model = _done(first[cell.variant.method], place)
            known = predictions_of(place.ledger.folder, model)
            write_copy(place.ledger.folder, structs.replace(model, seed=cell.seed), other_answers(known, random))


def _cell(cell: Cell, folder: Path) -> dict[str, float]:
    """Seconds of each phase of one cell."""
    place = local_place(folder / "cells", cell.protocol.data_spec(folder / "data"), Execution(device="cpu", jobs=1))
    total_s = spent(lambda: _run(cell, place)).clock_s
    record = _done(cell, place)
    phases = {name: record.times_s.get(name, 0.0) for name in (*PHASES, *ASIDE)}
    return phases | {"harness": total_s - sum(phases.values()), "total": total_s}


def _run(cell: Cell, place: Place) -> None:
    with Live(Console(file=io.StringIO()), 1) as live:
        execute(Plan([cell]), place, live)


def _done(cell: Cell, place: Place) -> Done:
    """The record of a cell that ran.

    Raises:
        UserError: if it failed.
    """
    record = place.ledger.get(cell.cell_id)
    if record.status != "done":
        raise UserError(f"the cell of {cell.variant.method} failed: {record.failure.message}")
    return record


def _markdown(result: dict[str, Any], repeats: int) -> str:
    lines = [
        "# What the harness costs", "",
        f"{repeats} repeats, median (min to max). In the last quarter of an hour {result['load']:.1f} processes wanted "
        f"{os.cpu_count()} cores: where that is more than there are, the clock shows what others took.", "",
        "| | s | processor s |", "|---|---|---|",
    ]  # fmt: skip
    for what, pairs in (*result["command"].items(), *result["imports"].items()):
        lines.append(f"| {what} | {' | '.join(spread(side, '.2f') for side in zip(*pairs, strict=True))} |")
    names = list(next(iter(result["phases"].values()))[0])
    lines += ["", f"| a cell, s | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for method, runs in result["phases"].items():
        lines.append(f"| {method} | {' | '.join(spread([run[name] for run in runs], '.2f') for name in names)} |")
    lines += [
        "",
        "A cell of SynMG smoke with 2 epochs, alone with the command, forked from a process that has imported what it "
        "needs (once a command, as in the table above; where none can be forked, every cell imports it). cost and "
        "localise: FLOPs, latency and where the recognizer looks. harness: the rest; starting the process, its locks, "
        "its record and predictions, its end, and until the command sees it.",
        "",
        f"`{result['line']}`; {result['hardware']['cpu']}; torch {result['versions']['torch']}; commit "
        f"{str(result['git_commit'])[:12]}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
