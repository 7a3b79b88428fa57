"""The columns of one's own table: what may be left out, and what stands in its place.

Only ``video`` and ``label`` must be there. Without ``split``, people are drawn for it, and the draw is written down.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fgsgl.data.cache.frame_times import frame_times, frames_between
from fgsgl.data.clip_table import COLUMNS, SPLITS, Clip, read_cells, write_clips
from fgsgl.data.faults import Fault, collected
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.util.errors import UserError
from fgsgl.util.files import DELIMITERS, read_table, read_text

COLUMNS_READ = (*COLUMNS, "start_s", "end_s", "skeleton")
TEST_SHARE = 0.25
"""Least share of all clips that is drawn as the test split where the table has no splits."""
Cells = list[tuple[int, dict[str, str]]]
"""Line numbers and cells."""


def read_own_cells(path: Path, faults: list[Fault]) -> Cells:
    """The rows of a table, with the columns that it has.

    Args:
        path: the table.
        faults: gets those of the rows that cannot be read.

    Raises:
        UserError: as :func:`fgsgl.data.clip_table.read_cells`; or for a table with frames and seconds.
    """
    required = _required(path)
    others = tuple(name for name in COLUMNS_READ if name not in required)
    cells = read_cells(path, faults, required, optional=others, delimiters=DELIMITERS)
    given = columns_of(cells)
    if (seconds := sorted(given & {"start_s", "end_s"})) and given & {"start_frame", "end_frame"}:
        raise UserError(f"{path} has columns of seconds ({', '.join(seconds)}) and of frames; keep either")
    return cells


def completed(path: Path, videos: Path, cells: Cells, faults: list[Fault]) -> Cells:
    """The rows with a cell for each column of a clip table; without videos, ``video`` is the file of the skeleton.

    A column that is missing has: as ``clip_id`` the video, and its frames where there are any; as frames the whole
    file; as ``subject`` the video; as ``split`` ``train``; as ``fps`` 0, unknown.

    Args:
        path: the table.
        videos: the folder that its videos' paths start from.
        cells: of :func:`read_own_cells`.
        faults: gets those of the rows whose seconds hold no clip.
    """
    cells = [
        (line, {**row, "video": relative_to(row.get("video", row.get("skeleton", "")), videos)}) for line, row in cells
    ]
    if cells and not {"start_s", "end_s"}.isdisjoint(cells[0][1]):
        cells = _with_frames(path, videos, cells, faults)
    for _, row in cells:
        frames = [row.setdefault(name, "0") for name in ("start_frame", "end_frame")]
        row.setdefault("clip_id", row["video"] if frames == ["0", "0"] else f"{row['video']}:{'-'.join(frames)}")
        row.setdefault("subject", row["video"])
        row.setdefault("split", "train")
        row.setdefault("fps", "0")
    return cells


def columns_of(cells: Cells) -> frozenset[str]:
    """The columns that a table has, of those that are read; those of a clip table where it has no row.

    Args:
        cells: of :func:`read_own_cells`, before :func:`completed` adds to them.
    """
    return frozenset(cells[0][1]) if cells else frozenset(COLUMNS)


def _required(path: Path) -> tuple[str, ...]:
    """The columns that a table must have: ``video``, or ``skeleton`` where it has no videos, and ``label``."""
    text = read_text(path, "table", "expected a CSV file with the columns video, label")
    names = set(re.findall(r"\w+", text.lstrip("\n").partition("\n")[0].casefold()))
    return ("skeleton", "label") if "skeleton" in names and "video" not in names else ("video", "label")


def relative_to(video: str, folder: Path) -> str:
    """A path relative to the folder of the videos; an absolute one that lies elsewhere stays, and is refused later.

    Separators of Windows are read as such, unless a file has this very name.
    """
    if "\\" in video and not os.path.exists(folder / video):  # noqa: PTH110 (nor is a name that is too long)
        video = video.replace("\\", "/")
    if not Path(video).is_absolute():
        return os.path.normpath(video) if video.strip() else video  # one recording, one spelling
    for base in (folder.absolute(), Path(os.path.realpath(folder))):
        with contextlib.suppress(ValueError):
            return str(Path(os.path.normpath(video)).relative_to(base))
    return video


def is_below(video: str) -> bool:
    """Whether a path stays in the folder that it starts from."""
    return "\0" not in video and not os.path.normpath(video).startswith((os.sep, os.pardir))


def _with_frames(path: Path, videos: Path, cells: Cells, faults: list[Fault]) -> Cells:
    """The rows whose seconds are frames of their videos, with these."""
    below = sorted({row["video"] for _, row in cells if is_below(row["video"])})
    times = frame_times(videos, below, workers=os.cpu_count() or 1)
    sound: Cells = []
    for line, row in cells:
        with collected(faults, path, line):
            start_s, end_s = _seconds(row, "start_s"), _seconds(row, "end_s")
            times_T = times.get(row["video"])
            if times_T is None or not len(times_T):
                raise UserError(f"no video at {videos / row['video']}, or none whose frames have times")
            start, end = frames_between(times_T, start_s, end_s)
            sound.append((line, {**row, "start_frame": str(start), "end_frame": str(end)}))
    return sound


def _seconds(row: Mapping[str, str], column: str) -> float:
    cell = row.get(column, "0")
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{0,12})?", cell):
        raise UserError(f"{column} is {cell!r}, expected seconds such as 2.5, in digits 0-9 with a point")
    return float(cell)


def splits_path(path: Path, seed: int) -> Path:
    """The file beside a table that holds the splits which a seed drew."""
    return path.with_suffix(f".splits-seed{seed}.csv")


def drawn_splits(path: Path, clips: Sequence[Clip], seed: int) -> list[Clip]:
    """Clips with splits that are drawn by subject, as the file beside the table says; made where there is none.

    Args:
        path: the table.
        clips: all of ``train``.
        seed: draws.

    Raises:
        UserError: for clips of fewer than three subjects, or others than the file has.
    """
    written = splits_path(path, seed)
    if (count := len({clip.subject for clip in clips})) < len(SPLITS):
        raise UserError(
            f"{path} has no column split, and {count} subject(s) are too few to draw one from: expected "
            f"{len(SPLITS)} or more, since no person may be in two splits; or add the column"
        )
    if not written.exists():
        drawn = move_subjects(move_subjects(clips, "test", TEST_SHARE, seed), "val", VAL_SHARE, seed)
        with contextlib.suppress(OSError):  # a folder that is read-only: the same is drawn again next time
            write_clips(written, drawn)
        return drawn
    split_of = {row["clip_id"]: row["split"] for _, row in read_table(written, ("clip_id", "split"))}
    if lacking := [clip.clip_id for clip in clips if clip.clip_id not in split_of]:
        raise UserError(
            f"{written} holds the splits that were drawn, but not for clip {lacking[0]!r} ({len(lacking)} such clip(s) "
            f"of {path}); add them there, or remove the file to draw all splits anew"
        )
    return [replace(clip, split=split_of[clip.clip_id]) for clip in clips]  # type: ignore[arg-type]  # checked later
