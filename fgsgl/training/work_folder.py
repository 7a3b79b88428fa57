"""The folder in which a cell runs: where an interrupted one goes on from, and what stays of a finished one.

Imports torch only to read a checkpoint.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from fgsgl.records.protocol import Protocol
from fgsgl.util.checkpoint_file import damage, read_checkpoint, unfit, write_checkpoint
from fgsgl.util.errors import UserError
from fgsgl.util.files import append, write_whole

CURVE = "curve.jsonl"
"""The learning curve: a row an epoch, and beside it the same as CSV."""
MARKER = "last_checkpoint"
"""MMEngine's pointer to the checkpoint that it resumes from; removed last, when a finished cell has been tidied."""
SET_ASIDE = "unfit_checkpoints.txt"
"""A line for each checkpoint that the cell could not go on from."""
_LOG = logging.getLogger(__name__)


def newest_checkpoint(work_dir: Path) -> Path | None:
    """The newest undamaged checkpoint of a cell that has not ended; None where there is none."""
    if not (work_dir / MARKER).exists():
        return None
    return next((path for path in _saved(work_dir) if not damage(path)), None)


def prepare(work_dir: Path, cell_id: str, *, note: bool = True) -> bool:
    """Makes MMEngine resume from the newest checkpoint that the cell can go on from; returns whether there is one.

    MMEngine's pointer to the last one is not written whole, and is wrong in a folder that was moved.

    Args:
        work_dir: of the cell.
        cell_id: its id.
        note: keep, for the cell's record, which newer checkpoints were passed over; they are logged in any case.
    """
    if not (work_dir / MARKER).exists():
        return False
    passed: list[str] = []
    for path in _saved(work_dir):
        if not (reason := unfit(path, cell_id)):
            write_whole(work_dir / MARKER, str(path))
            _pass_over(work_dir, passed, f"the training went on from {path.stem}", note)
            return True
        passed.append(f"{path.name}: {reason}")
    (work_dir / MARKER).unlink(missing_ok=True)
    _pass_over(work_dir, passed, "the training began anew", note)
    return False


def _saved(work_dir: Path) -> list[Path]:
    """The checkpoints of whole epochs, newest first."""
    named = {path: re.fullmatch(r"epoch_([0-9]{1,9})", path.stem) for path in work_dir.glob("epoch_*.pth")}
    epochs = {path: int(found[1]) for path, found in named.items() if found}
    return sorted(epochs, key=epochs.__getitem__, reverse=True)


def _pass_over(work_dir: Path, passed: list[str], then: str, note: bool) -> None:
    for line in passed:
        said = f"{line}; {then}"
        _LOG.warning("%s", said)
        if note:
            append(work_dir / SET_ASIDE, f"{' '.join(said.split())}\n".encode())


def passed_over(work_dir: Path) -> list[str]:
    """Why the cell did not go on from its newest checkpoint, a line for each checkpoint that was passed over."""
    try:
        return (work_dir / SET_ASIDE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def untidy(work_dir: Path) -> bool:
    """Whether a finished cell's checkpoints have not been tidied to the end: its process was killed before."""
    return (work_dir / MARKER).exists()


_STATE = ("optimizer", "param_schedulers", "message_hub", "ema_state_dict", "curve")
"""Parts of a checkpoint that only a resumed training needs."""


def tidy(work_dir: Path, keep: str) -> None:
    """Leaves of a finished cell's checkpoints what is to be kept, as weights alone.

    Args:
        work_dir: of the cell.
        keep: one of :data:`fgsgl.running.execution.Keep`; the best epoch's was written beside the others.
    """
    last, best = next(iter(_saved(work_dir)), None), list(work_dir.glob("best_*.pth"))
    kept = {"last": [last] if last else [], "best": best, "none": []}[keep]
    for path in {*work_dir.glob("epoch_*.pth"), *best} - set(kept):
        path.unlink()
    for path in kept:
        _strip(path)
    (work_dir / MARKER).unlink(missing_ok=True)


def _strip(path: Path) -> None:
    """Leaves the weights alone in a checkpoint; one that is damaged is of no use to anybody, and removed."""
    try:
        checkpoint = read_checkpoint(path)
    except UserError as error:
        _LOG.warning("%s: removed", error)
        path.unlink()
    else:
        write_checkpoint(path, {name: value for name, value in checkpoint.items() if name not in _STATE})


FILE = "test_openings"
"""In the work folder of a cell, so that what a killed process has opened counts too."""


def count_opening(protocol: Protocol, work_dir: Path) -> None:
    """To be called before the scored split is read; the validation split, in its place in a search, does not count."""
    counted = openings(work_dir)
    if protocol.scored_split == "test" and counted is not None:  # a lost count stays unknown
        write_whole(work_dir / FILE, f"{counted + 1}\n")


def openings(work_dir: Path) -> int | None:
    """How often the processes of a cell have opened the test split; None where its file cannot be read any more."""
    path = work_dir / FILE
    if not path.exists():
        return 0
    counted = re.fullmatch(rb"([0-9]{1,9})\n?", path.read_bytes()) if path.is_file() else None
    return int(counted[1]) if counted else None
