"""MMAction2's lists of videos, of folders of frames, and Kinetics' tables, made into a clip table.

A line of a list is ``video label``, ``folder frames label`` or ``folder first frames label`` (frames counted from 0).
Kinetics' table has the columns ``label,youtube_id,time_start,time_end,split``; its files are called by the id, or by
the id and the seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fgsgl.data.datasets._tree import files_below
from fgsgl.data.faults import Fault, FaultyData, collected
from fgsgl.data.labels import numbered_names, read_class_names
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import no_formula
from fgsgl.util.files import csv_text, read_table, read_text, write_whole

KINETICS = ("label", "youtube_id", "time_start", "time_end", "split")
SPLIT = re.compile(r"(?<![a-z])(train|val|validation|test)(?:ing)?(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedClip:
    """A clip of a list: a video or a folder of frames, its label as it stands there, and its split, if known."""

    video: str
    label: str
    split: str
    first: int = 0
    frames: int = 0
    """0: all."""


def import_lists(lists: Sequence[Path], videos: Path, table: Path, classes: Path | None = None) -> list[str]:
    """Writes a table, its class names and where its videos lie; returns lines that say what was done.

    Args:
        lists: list files, the split of each in its name, or Kinetics' tables.
        videos: the folder that their paths start from.
        table: the CSV file to write.
        classes: a name a line, for numbers; None: ``class 0``, ``class 1``, ...

    Raises:
        UserError: for a table that exists, or a folder that does not.
        FaultyData: for lines that are not of these forms, or videos that are not there.
    """
    if table.exists():
        raise UserError(f"{table} exists already; give another --out, or remove it")
    if not videos.is_dir():
        raise UserError(f"no folder at {videos}; --videos takes the folder that the paths in the lists start from")
    faults: list[Fault] = []
    clips = [clip for path in lists for clip in _read(path, videos, faults)]
    if faults:
        raise FaultyData(faults)
    if not clips:
        raise UserError(f"{lists[0]} has no line; expected `video label`, `folder frames label`, or Kinetics' table")
    said, splits = [], {clip.split for clip in clips}
    if "test" not in splits and "val" in splits:
        clips = [replace(clip, split="test") if clip.split == "val" else clip for clip in clips]
        said.append("val is the test split, as there is no other; validation is drawn when the data are loaded")
    if "" in splits and len(splits) > 1:
        raise UserError(f"some of {', '.join(map(str, lists))} say train, val or test in their name, and some do not")
    numbers = all(clip.label.isascii() and clip.label.isdigit() and len(clip.label) < 6 for clip in clips)
    if numbers:
        count = 1 + max(int(clip.label) for clip in clips)
        names = read_class_names(classes) if classes else numbered_names(count)
        if count > len(names):
            raise UserError(f"the largest label is {count - 1}, but {classes} names {len(names)} classes, from 0")
        write_whole(table.with_suffix(".classes.txt"), "".join(f"{name}\n" for name in names))
    write_whole(table.with_suffix(".fgsgl.yaml"), f"videos: {json.dumps(str(videos.resolve()))}\n")
    write_whole(table, _table(clips))
    return [f"written: {table}; {len(clips)} clips", *said]


def _read(path: Path, videos: Path, faults: list[Fault]) -> list[ListedClip]:
    first_line = read_text(path, "list").partition("\n")[0]
    if set(KINETICS[:2]) <= {cell.strip() for cell in first_line.split(",")}:
        return _kinetics(path, videos, faults)
    named = SPLIT.search(path.stem.replace("_", " "))
    split = {"validation": "val"}.get(named[1].lower(), named[1].lower()) if named else ""
    clips = []
    for line, content in enumerate(read_text(path).split("\n"), start=1):
        if content.strip():
            with collected(faults, path, line):
                clips.append(_listed(content.strip(), split, videos))
    return clips


def _listed(content: str, split: str, videos: Path) -> ListedClip:
    """The clip of a line; a name may hold blanks."""
    for count in (1, 2, 3):
        name, *cells = content.rsplit(maxsplit=count)
        fits = len(cells) == count and all(re.fullmatch("[0-9]{1,9}", cell) for cell in cells)
        if fits and ((videos / name).is_dir() or (count == 1 and (videos / name).is_file())):
            first, frames = ([0, 0], [0, *map(int, cells[:-1])], [*map(int, cells[:-1])])[count - 1]
            return ListedClip(video=name, label=cells[-1], split=split, first=first, frames=frames)
    raise UserError(
        f"{content!r:.160}: expected `video label`, `folder frames label` or `folder first frames label`, of a file or "
        f"folder below {videos} (--videos names another)"
    )


def _kinetics(path: Path, videos: Path, faults: list[Fault]) -> list[ListedClip]:
    files: dict[str, list[str]] = {}
    for file in files_below(videos):
        files.setdefault(PurePosixPath(file).stem, []).append(file)
    clips = []
    for line, row in read_table(path, KINETICS):
        with collected(faults, path, line):
            start, end = (_whole(row[name]) for name in ("time_start", "time_end"))
            stems = (f"{row['youtube_id']}_{start:06d}_{end:06d}", row["youtube_id"])
            found = next((files[stem] for stem in stems if stem in files), [])
            if len(found) != 1:
                what = f"{len(found)} files ({', '.join(found[:3])})" if found else "no file"
                raise UserError(f"{what} called {stems[0]} or {stems[1]} below {videos}; expected one")
            split = {"validate": "val", "validation": "val"}.get(row["split"], row["split"])
            clips.append(ListedClip(video=found[0], label=row["label"], split=split))
    return clips


def _whole(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}(\.0*)?", cell):
        raise UserError(f"the time {cell!r}; expected whole seconds")
    return int(float(cell))


def _table(clips: Sequence[ListedClip]) -> str:
    """The table's CSV, without the columns that are not known."""
    with_split, with_frames = any(clip.split for clip in clips), any(clip.frames for clip in clips)
    rows: list[list[object]] = [
        ["video", "label", *["split"] * with_split, *["start_frame", "end_frame"] * with_frames]
    ]
    for clip in clips:
        frames = [clip.first, clip.first + clip.frames if clip.frames else 0] if with_frames else []
        rows.append([no_formula(clip.video), no_formula(clip.label), *[clip.split] * with_split, *frames])
    return csv_text(rows)
