"""``python benchmarks/harness_time.py``: what the harness itself costs, with imports and training apart.

Planning holds cells against an empty ledger and writes the plan; a relaunch finds all of them done, with copies of the
records in ``results/synmg-quick`` under their ids, and a board that is newer. A cell's time, from its start to its
record as the command sees it, is divided into phases; what belongs to none of them is the harness. What it does
inside the training loop is measured by ``benchmarks/train_throughput.py``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import to_builtins
from rich.console import Console

from fgsgl.data.prepare import load_data
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.environment import git_state, hardware, versions
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import add_to_plan
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.running.execution import Execution, local_place
from fgsgl.running.planning import cells, plan
from fgsgl.running.progress import Live
from fgsgl.running.scheduler import Plan, execute
from fgsgl.util.errors import UserError, run_command

CELLS = 10_000
SEEDS = 8
REPEATS = 3
METHODS = ("fgsgl", "tsm")
MODELS = Path(__file__).resolve().parents[1] / "results" / "synmg-quick" / "ledger"
IMPORTS = {
    "the interpreter alone": "",
    "what `fgsgl run` imports": "fgsgl.cli.main, fgsgl.running.experiment",
    "what a cell imports before its clock": "fgsgl.training.run_cell",
    "and torch, MMAction2 and the recognizers": "fgsgl.training.run_cell, fgsgl.training.train",
}
PHASES = ("import", "data", "build", "train", "evaluate")
ASIDE = ("cost", "localise")
"""What a cell measures beside its result."""

Seconds = tuple[float, float]
"""By the clock, and of the processor."""


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
    imports = {name: [_seconds(partial(_import, names)) for _ in range(repeats)] for name, names in IMPORTS.items()}
    protocol = default_protocol("synmg", "smoke", epochs=2, batch_size=8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = protocol.data_spec(folder / "data")
        table = load_data(
            data, Console(file=io.StringIO()), num_frames=protocol.num_frames, image_size=protocol.image_size,
            skip_bad=protocol.skip_bad,
        )  # fmt: skip
        fingerprint, text = table.fingerprint(), data.text
        command = {
            f"planning {count} cells": [
                _seconds(partial(_plan, count, protocol, fingerprint, text, folder / f"plan-{repeat}"))
                for repeat in range(repeats)
            ],
            f"`fgsgl run` that finds {count} cells done": _relaunches(
                cells([Variant(method="fgsgl")], protocol, count, fingerprint, text), folder, repeats
            ),
        }
        before_s = statistics.median(clock_s for clock_s, _ in imports["what a cell imports before its clock"])
        of_cells = {
            method: [
                _cell(Cell(variant=Variant(method=method), protocol=protocol, seed=seed, fingerprint=fingerprint,
                           text=text), folder, before_s)
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


def _relaunches(wanted: Sequence[Cell], folder: Path, repeats: int) -> list[Seconds]:
    """The first call, which is not measured, writes the board."""
    out, protocol = folder / "board", wanted[-1].protocol
    write_records(out / "ledger", wanted)
    seeds = sum(cell.variant.method == "fgsgl" for cell in wanted)
    command = [sys.executable, "-m", "fgsgl", "run", "--methods", "fgsgl", "--preset", protocol.preset]
    command += ["--epochs", str(protocol.epochs), "--batch-size", str(protocol.batch_size), "--seeds", str(seeds)]
    command += ["--device", "cpu", "--root", str(folder / "data"), "--out", str(out)]
    spent = []
    for _ in range(1 + repeats):
        spent.append(_seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)))
    return spent[1:]


def write_records(ledger: Path, wanted: Sequence[Cell]) -> None:
    """A finished record for each cell: a copy of one of its method.

    Raises:
        UserError: if there is none to copy.
    """
    models = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(MODELS.glob("*.json"))]
    by_method = {model["method"]: model for model in models if model["variant"] == "full"}
    ledger.mkdir(parents=True)
    for cell in wanted:
        if cell.variant.method not in by_method:
            raise UserError(f"no record of {cell.variant.method} in {MODELS}; expected the board of the repository")
        record = by_method[cell.variant.method] | {
            "cell_id": cell.cell_id, "seed": cell.seed, "protocol": cell.protocol.as_dict(),
            "protocol_hash": cell.protocol.hash(), "predictions_sha256": f"{cell.seed:064x}",
        }  # fmt: skip
        text = json.dumps(record, indent=1, sort_keys=True)  # as the runner writes it
        (ledger / f"{cell.cell_id}.json").write_text(text + "\n", encoding="utf-8")


def _cell(cell: Cell, folder: Path, before_s: float) -> dict[str, float]:
    """Seconds of each phase of one cell; ``before_s``: of the imports before its clock starts."""
    place = local_place(folder / "cells", folder / "data", Execution(device="cpu", jobs=1))
    started_s = time.monotonic()
    with Live(Console(file=io.StringIO()), 1) as live:
        execute(Plan([cell]), place, live)
    total_s = time.monotonic() - started_s
    record = place.ledger.get(cell.cell_id)
    if record.status != "done":
        raise UserError(f"the cell of {cell.variant.method} failed: {record.failure.message}")
    phases = {"before its clock": before_s} | {name: record.times_s.get(name, 0.0) for name in (*PHASES, *ASIDE)}
    return phases | {"harness": total_s - sum(phases.values()), "total": total_s}


def _seconds(work: Callable[[], object]) -> Seconds:
    """Also of the processes that the work starts."""
    started_s, busy_s = time.monotonic(), _busy_s()
    work()
    return time.monotonic() - started_s, _busy_s() - busy_s


def _busy_s() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


def _markdown(result: dict[str, Any], repeats: int) -> str:
    lines = [
        "# What the harness costs", "",
        f"{repeats} repeats, median (min to max). In the last quarter of an hour {result['load']:.1f} processes wanted "
        f"{os.cpu_count()} cores: where that is more than there are, the clock shows what others took.", "",
        "| | s | processor s |", "|---|---|---|",
    ]  # fmt: skip
    for what, spent in (*result["command"].items(), *result["imports"].items()):
        lines.append(f"| {what} | {_spread([pair[0] for pair in spent])} | {_spread([pair[1] for pair in spent])} |")
    names = list(next(iter(result["phases"].values()))[0])
    lines += ["", f"| a cell, s | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for method, runs in result["phases"].items():
        lines.append(f"| {method} | {' | '.join(_spread([run[name] for run in runs]) for name in names)} |")
    lines += [
        "",
        "A cell of SynMG smoke with 2 epochs, alone with the command. before its clock: the interpreter and what is "
        "imported before the cell's own clock starts, measured apart. cost and localise: FLOPs, latency and where "
        "the recognizer looks. harness: the rest; starting the process, its locks, its record and predictions, its "
        "end, and until the command sees it.",
        "",
        f"`{result['line']}`; {result['hardware']['cpu']}; torch {result['versions']['torch']}; commit "
        f"{str(result['git_commit'])[:12]}.",
    ]
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
