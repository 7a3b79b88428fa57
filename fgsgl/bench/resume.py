"""Where an interrupted cell goes on from. Imports no torch."""

from __future__ import annotations

import zipfile
from pathlib import Path

from fgsgl.files import write_whole

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
