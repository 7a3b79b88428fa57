"""``python benchmarks/class_prior.py BOARD``: what dividing by the training classes' shares brings on validation clips.

Each trained cell of a board scores its validation split once; its probabilities are then divided by the shares raised
to each power (logit adjustment, arXiv 2007.07314). No test clip is read. The result is written as JSON and as a table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from msgspec import to_builtins

from fgsgl.methods.method import Classes
from fgsgl.prediction.trained import trained_cell
from fgsgl.records.environment import git_state, versions
from fgsgl.records.ledger import Ledger
from fgsgl.records.record import Done
from fgsgl.training.cell_spec import FILE, CellSpec
from fgsgl.training.data_facts import class_counts
from fgsgl.training.evaluate import adjusted, predict_split
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError, run_command

POWERS = (0.0, 0.5, 1.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/class_prior.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("board", type=Path, help="a board's folder, with the checkpoints of its cells")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments.board, arguments.out))


def measure(board: Path, out: Path) -> int:
    """Scores every trained cell, prints the table and writes it.

    Raises:
        UserError: if no cell of the board has a checkpoint.
    """
    rows = [row for record in Ledger(board / "ledger").records().values() for row in _rows(board, record)]
    if not rows:
        raise UserError(f"no trained cell in {board}; expected a board whose checkpoints are kept")
    result = {"rows": rows, "versions": versions(), **to_builtins(git_state())}
    out.mkdir(parents=True, exist_ok=True)
    (out / "class-prior.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = _markdown(pd.DataFrame(rows))
    (out / "class-prior.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _markdown(scored: pd.DataFrame) -> str:
    head = ["row", "seeds", *(f"{what}, power {power:g}" for what in ("top-1 %", "NLL") for power in POWERS)]
    lines = ["# Dividing by the class prior", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row, cells in scored.groupby("row"):
        means = cells.groupby("power")[["top1", "nll"]].mean()
        top1, nll = ([means[name][power] for power in POWERS] for name in ("top1", "nll"))
        values = [f"{100 * value:.1f}" for value in top1] + [f"{value:.3f}" for value in nll]
        lines.append(f"| {' | '.join([str(row), str(cells['seed'].nunique()), *values])} |")
    said = "Validation clips; means over seeds. NLL: mean negative log-likelihood. From the checkpoints of a board:"
    return "\n".join([*lines, "", f"{said}\n`python benchmarks/class_prior.py BOARD`."]) + "\n"


def _rows(board: Path, record: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(record, Done) or not record.config.recipe:
        return
    trained, spec = trained_cell(board, record), CellSpec.read(board / "work" / record.cell_id / FILE)
    table, cell = spec.table(), spec.cell
    classes = Classes.of(table.classes, cell.text, cell.protocol)
    config = build_config(
        cell.method, cell.variant.changes, cell.protocol, cell.seed, classes=classes, root=spec.root, work_dir=board
    )
    init_default_scope("mmaction")
    loader = Runner.build_dataloader(config["val_dataloader"], seed=cell.seed)
    predictions = predict_split(trained.build("cpu"), loader)
    clips = class_counts(table.split("train"), len(table.classes)).tolist()
    for power in POWERS:
        scores_NC = adjusted(predictions, clips, power).scores["combined"]
        true_N = scores_NC[np.arange(len(scores_NC)), predictions.labels]
        top1 = float((scores_NC.argmax(1) == predictions.labels).mean())
        row = f"{record.config.display_name} {cell.variant.name}"
        yield {"row": row, "seed": cell.seed, "power": power, "top1": top1, "nll": float(-np.log(true_N).mean())}


if __name__ == "__main__":
    sys.exit(main())
