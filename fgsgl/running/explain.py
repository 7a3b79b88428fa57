"""`fgsgl why`: how one cell stands and why, where it goes on from, and what to do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fgsgl.records.record import Done, Failed, Record
from fgsgl.running.status import CellState, find_states
from fgsgl.training.record_check import check_record
from fgsgl.training.work_folder import newest_checkpoint
from fgsgl.util.errors import UserError

TAIL_LINES = 15
_TAIL_BYTES = 2**14
ADVICE = {
    "bad_data": "mend or restore the file, or leave such clips out with --skip-bad; then the same command goes on",
    "unwritable": "make room, or choose another --out; then the same command goes on",
    "out_of_memory": "as the cause says, which makes another cell; where others took the memory, {retry} with fewer "
    "--jobs runs this one again",
    "nan": "it is a result: with this seed and these settings the training diverges; {retry} runs it again, which "
    "helps where code or hardware has changed",
    "time_limit": "give it more time: {retry} with a longer --cell-timeout goes on from the last epoch",
    "killed": "the same command runs it again; where that happens each time, memory may be short: try --jobs 1",
    "infrastructure": "the same command runs it again",
    "error": "read the log below; once the cause is mended, {retry} runs it again",
}


def explain(folder: Path, what: str, console: Console) -> None:
    """Prints what is known of a cell, or of each cell of a row.

    Args:
        folder: of a board or a sweep.
        what: as for :func:`fgsgl.records.find.find_cells`.
        console: gets it.

    Raises:
        UserError: if nothing is called so, or the folder has no cells.
    """
    for number, cell in enumerate(find_states(folder, what)):
        for line in [*([""] if number else []), *lines(folder, cell)]:
            console.print(Text(line), soft_wrap=True)


def lines(folder: Path, cell: CellState) -> list[str]:
    """The lines that :func:`explain` prints."""
    record, log = cell.record, cell.work_dir / "log.txt"
    said = [f"{cell.label} (cell {cell.cell_id}): {cell.state}"]
    if isinstance(record, Failed) and cell.state == "failed":
        said.append(f"cause, at attempt {record.attempts}: {record.failure.kind}: {record.failure.message}")
    if isinstance(record, Done):
        said.append(_score(cell.work_dir.parents[1] / "ledger", record))
    if record and cell.state in ("done", "failed", "pruned"):
        said += _ended(record)
    elif spec := cell.spec:
        said.append(f"last started: {_local(spec.started_utc)} on {spec.device}")
    if cell.state == "running":
        said.append(f"now: {cell.news}")
    said += [f"resumes from: {_resumes(cell)}", f"what to do: {_advice(folder, cell)}"]
    if tail := _tail(log):
        said += [f"log: {log}", *(f"  {line}" for line in tail)]
    return said


def _ended(record: Record) -> list[str]:
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in record.times_s.items())
    used = record.hardware
    machine = [used.device, used.gpu, used.cpu, f"{used.threads} thread(s)" if used.threads else None]
    said = [
        f"started: {_local(record.started_utc)}" + (f"; {times}" if times else ""),
        f"on: {', '.join(filter(None, machine)) or 'unknown'}; code {record.environment.git_commit or 'unknown'}",
        *(f"a checkpoint could not be used: {told}" for told in record.unfit_checkpoints or ()),
    ]
    return said


def _score(ledger: Path, record: Done) -> str:
    """The top-1 of a finished cell, if its predictions give it."""
    try:
        check_record(ledger, record)
    except UserError as error:
        return f"its numbers cannot be trusted: {error}"
    return f"top-1: {100 * record.metrics.top1:.1f} %"


def _resumes(cell: CellState) -> str:
    if cell.state in ("done", "pruned"):
        return "nothing, it has ended"
    newest = newest_checkpoint(cell.work_dir)
    if newest is None:
        return "the start: no epoch is saved"
    return f"{newest} (of {cell.epochs} epochs)"


def _advice(folder: Path, cell: CellState) -> str:
    if cell.state == "failed" and cell.spec and cell.spec.trial:
        return "nothing: it is a trial of a search, which goes on with others; the command of the search tells more"
    if isinstance(cell.record, Failed) and cell.state == "failed":
        return ADVICE[cell.record.failure.kind].format(retry=f"`fgsgl retry {folder} --failed`")
    return {
        "done": "nothing; it is never run again",
        "pruned": "nothing: its study ended it; a board that wants the cell runs it whole",
        "running": f"wait; `fgsgl status {folder} --watch` shows all cells",
        "waiting": "the command that planned it starts it, or goes on with it, in its turn",
    }[cell.state]


def _tail(log: Path) -> list[str]:
    """The last lines of a log."""
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [line.rstrip() for line in text.splitlines() if line.strip()][-TAIL_LINES:]


def _local(utc: str) -> str:
    return f"{datetime.fromisoformat(utc).astimezone():%Y-%m-%d %H:%M:%S}"
