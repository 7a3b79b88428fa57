"""``python benchmarks/report_time.py``: from a folder of records to its report, and how the time grows with them.

Copies of the records of FG-SGL in ``results/synmg-2`` with other variants, seeds and predictions, eight seeds a
row. The first reading checks each record against its predictions, which later ones remember. Figures show the first
rows of a board, so their time hardly grows; the rest does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from copied_records import other_answers, write_copy
from measuring import spent, spread
from msgspec import structs, to_builtins

from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.records.environment import git_state, hardware, versions
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import read_predictions
from fgsgl.report.board.board import Board, read_board
from fgsgl.report.render.latex import latex
from fgsgl.report.render.tables import csv, markdown
from fgsgl.report.report import report
from fgsgl.text.fgtext import fingerprint
from fgsgl.util.errors import UserError, run_command

RECORDS = (2_500, 5_000, 10_000)
SEEDS = 8
REPEATS = 3
MODELS = Path(__file__).resolve().parents[1] / "results" / "synmg-2" / "ledger"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/report_time.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--records", type=int, nargs="+", default=RECORDS, help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each row (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(sorted(arguments.records), arguments.repeats, arguments.out))


def measure(sizes: Sequence[int], repeats: int, out: Path) -> int:
    """Measures every size, prints the table and writes it."""
    seconds: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "board"
            os.environ["FGSGL_CACHE"] = f"{name}/cache"
            write_records(folder / "ledger", size)
            for what, work in _work(folder).items():
                seconds.setdefault(what, {})[size] = [spent(work) for _ in range(repeats)]
    result = {
        "records": sizes, "seeds": SEEDS, "seconds": seconds, "command": "python benchmarks/report_time.py",
        "load": os.getloadavg()[2],
        "hardware": to_builtins(hardware("cpu", 1, "none")), "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    heads = [f"{size} records, processor s" for size in sizes]
    text = (
        "# From records to their report\n\n"
        f"{SEEDS} seeds a row, {repeats} repeats, median (min to max). Processor time is what another program on the "
        "machine changes least; it is of one core. Growth: from the fewest to the most records, as a multiple of the "
        f"records' own growth of {sizes[-1] / sizes[0]:.3g} times; 1 is linear, less is a share that does not grow. "
        "Figures are drawn by other processes meanwhile, so the clock shows less than the processor where cores are "
        f"free; in the last quarter of an hour {result['load']:.1f} processes wanted {os.cpu_count()} cores.\n\n"
        f"| | {' | '.join(heads)} | s for {sizes[-1]} | growth |\n|---|{'---|' * (len(sizes) + 2)}\n"
        f"{''.join(_rows(seconds, sizes))}\n"
        f"`{result['command']}`; {result['hardware']['cpu']}; commit {str(result['git_commit'])[:12]}.\n"
    )
    (out / "report.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def write_records(ledger: Path, count: int) -> None:
    """``count`` records with predictions: rows of one variant each, and the floor.

    Raises:
        UserError: if the records to copy are not there.
    """
    models = Ledger(MODELS).done().values()
    own = [model for model in models if (model.method, model.variant) == ("fgsgl", "full")]
    floors = [model for model in models if model.kind == "floor"]
    if not own or not floors:
        raise UserError(f"no records of FG-SGL and a floor in {MODELS}; expected the board that the repository holds")
    random = np.random.default_rng(0)
    ledger.mkdir(parents=True)
    known = read_predictions(MODELS, own[0].cell_id)
    for index in range(count - 1):
        row, seed = divmod(index, SEEDS)
        settings = own[0].config.settings | ({"setting": row} if row else {})
        model = structs.replace(
            own[index % len(own)],
            seed=seed,
            variant=f"setting={row}" if row else "full",
            config=structs.replace(own[0].config, settings=settings),
            text=fingerprint("smg"),
        )
        write_copy(ledger, model, other_answers(known, random))
    write_copy(ledger, structs.replace(floors[0], text="none"), read_predictions(MODELS, floors[0].cell_id))


def _work(folder: Path) -> dict[str, Callable[[], object]]:
    return {
        "reading the records for the first time: each is checked": lambda: _first(folder),
        "reading the records, computing the board": lambda: read_board(folder),
        "and Markdown, CSV and LaTeX": lambda: _tables(read_board(folder)),
        "the whole report, with figures and HTML": lambda: report(folder),
        "`fgsgl report`, started from the shell": lambda: subprocess.run(
            [sys.executable, "-m", "fgsgl", "report", str(folder)], check=True, stdout=subprocess.DEVNULL
        ),
    }


def _first(folder: Path) -> Board:
    shutil.rmtree(cache_folder() / "verdicts", ignore_errors=True)
    return read_board(folder)


def _tables(board: Board) -> None:
    markdown(board)
    csv(board)
    latex(board)


def _rows(seconds: dict[str, dict[int, list[tuple[float, float]]]], sizes: Sequence[int]) -> Iterator[str]:
    for what, by_size in seconds.items():
        busy = {size: [busy_s for _, busy_s in pairs] for size, pairs in by_size.items()}
        growth = statistics.median(busy[sizes[-1]]) / statistics.median(busy[sizes[0]]) / (sizes[-1] / sizes[0])
        cells = [spread(busy[size]) for size in sizes]
        clock = spread([wall_s for wall_s, _ in by_size[sizes[-1]]])
        yield f"| {what} | {' | '.join(cells)} | {clock} | {growth:.2f} |\n"


if __name__ == "__main__":
    sys.exit(main())
