"""Cells of the shared board, run again in a process as a command starts it."""

import json
from pathlib import Path

CELL = ("-m", "fgsgl.training.run_cell")
RUN = ("-m", "fgsgl", "run", "--preset", "smoke", "--batch-size", "8", "--device", "cpu")


def records(out: Path) -> dict[str, dict]:
    return {row["method"]: row for row in (json.loads(path.read_text()) for path in (out / "ledger").glob("*.json"))}


def run_cell(board: Path, method: str, folder: Path, call, program: tuple[str, ...], **protocol) -> dict:
    """The record of the board's cell of a method, run again below ``folder`` under a protocol with some changes."""
    spec = json.loads((board / "work" / records(board)[method]["cell_id"] / "spec.json").read_text())
    own = {"protocol": spec["protocol"] | protocol, "ledger": str(folder / "ledger"), "work_dir": str(folder / "work")}
    (folder / "work").mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec | own))
    call(*program, folder / "spec.json")
    return records(folder)[method]


UNTIDY = """
import sys
from pathlib import Path
from fgsgl.training import run_cell
run_cell.tidy = lambda *_: None
sys.exit(run_cell.main(Path(sys.argv[1])))
"""
"""A cell that leaves its checkpoints as a killed one does."""
