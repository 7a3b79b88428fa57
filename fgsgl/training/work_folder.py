"""Where an interrupted cell goes on from. Imports no torch."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from fgsgl.records.protocol import Protocol
from fgsgl.util.files import write_whole

CURVE = "curve.jsonl"
"""The learning curve: a row an epoch, and beside it the same as CSV."""
MARKER = "last_checkpoint"
"""MMEngine's pointer to the checkpoint that it resumes from."""


def newest_checkpoint(work_dir: Path) -> Path | None:
    """The newest whole checkpoint of a cell; None where there is none, or the cell has ended: its weights alone stay.

    A checkpoint is a ZIP file, whose directory is written last: one that a kill has cut has none.
    """
    if not (work_dir / MARKER).exists():
        return None
    saved = sorted(work_dir.glob("epoch_*.pth"), key=lambda path: int(path.stem.removeprefix("epoch_")), reverse=True)
    return next((path for path in saved if zipfile.is_zipfile(path)), None)


def prepare(work_dir: Path) -> bool:
    """Makes MMEngine resume from the newest whole checkpoint, and says whether there is one.

    MMEngine's pointer to the last one is not written whole, and is wrong in a folder that was moved.
    """
    newest = newest_checkpoint(work_dir)
    if newest is not None:
        write_whole(work_dir / MARKER, str(newest))
    return newest is not None


_STATE = ("optimizer", "param_schedulers", "message_hub", "ema_state_dict")
"""Parts of a checkpoint that only a resumed training needs."""


def tidy(work_dir: Path, keep: str) -> None:
    """Leaves of a finished cell's checkpoints what is to be kept, as weights alone.

    Args:
        work_dir: of the cell.
        keep: one of :data:`fgsgl.running.execution.Keep`; the best epoch's was written beside the others.
    """
    last, best = newest_checkpoint(work_dir), list(work_dir.glob("best_*.pth"))
    kept = {"last": [last] if last else [], "best": best, "none": []}[keep]
    for path in kept:
        _strip(path)
    for path in {*work_dir.glob("epoch_*.pth"), *best} - set(kept):
        path.unlink()
    (work_dir / MARKER).unlink(missing_ok=True)


def _strip(path: Path) -> None:
    import torch

    checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    buffer = io.BytesIO()
    torch.save({name: value for name, value in checkpoint.items() if name not in _STATE}, buffer)
    write_whole(path, buffer.getvalue())


FILE = "test_openings"
"""In the work folder of a cell, so that what a killed process has opened counts too."""


def count_opening(protocol: Protocol, work_dir: Path) -> None:
    """To be called before the scored split is read; the validation split, in its place in a search, does not count."""
    if protocol.scored_split == "test":
        write_whole(work_dir / FILE, f"{openings(work_dir) + 1}\n")


def openings(work_dir: Path) -> int:
    """How often the processes of a cell have opened the test split."""
    path = work_dir / FILE
    return int(path.read_text(encoding="utf-8")) if path.exists() else 0
