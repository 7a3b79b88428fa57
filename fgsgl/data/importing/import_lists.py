"""MMAction2's lists of videos, of folders of frames, and Kinetics' tables, made into a clip table.

A line of a list is ``video label``, ``folder frames label`` or ``folder first frames label`` (frames counted from 0).
The label -1 hides the class of a test clip. Kinetics' table has the columns
``label,youtube_id,time_start,time_end,split``; its files are called by the id and the seconds, or by the id alone: then
the file's length tells whether it is the clip or the whole video.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fgsgl.data.cache.frame_times import frame_times, video_length_s
from fgsgl.data.datasets._own_table import is_below, relative_to
from fgsgl.data.datasets._tree import files_below
from fgsgl.data.faults import Fault, collected
from fgsgl.data.labels import HIDDEN, MAX_CLASSES, is_number, numbered_names, read_class_names
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import no_formula
from fgsgl.util.files import csv_text, read_table, read_text, write_whole

KINETICS = ("label", "youtube_id", "time_start", "time_end", "split")
SPLIT = re.compile(r"(?<![a-z])(train|validation|val|test)(?:ing)?(?:list|set|split)?(?![a-z])", re.IGNORECASE)
"""The split in the name of a list: ``hmdb51_train_split_1.txt``, ``trainlist01.txt``."""
SLACK_S = 1.0
"""A cut clip may be so much longer than its seconds say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedClip:
    """A clip of a list: a video or a folder of frames, its label as it stands there, and its split, if known."""

    video: str
    label: str
    split: str
    first: int = 0
    frames: int = 0
    """0: all."""
    start_s: int = 0
    end_s: int = 0
    """Seconds of the clip in a longer video; 0: its end."""


def import_lists(lists: Sequence[Path], videos: Path, table: Path, classes: Path | None = None) -> list[str]:
    """Writes a table, its class names and where its videos lie; returns lines that say what was done.

    Args:
        lists: list files, the split of each in its name, or Kinetics' tables.
        videos: the folder that their paths start from.
        table: the CSV file to write.
        classes: a name a line, for numbers; None: ``class 0``, ``class 1``, ...

    Raises:
        UserError: for a table that exists, a folder that does not, lines that are not of these forms, or videos that
            are not there.
    """
    if table.exists():
        raise UserError(f"{table} exists already; give another --out, or remove it")
    if not videos.is_dir():
        raise UserError(f"no folder at {videos}; --videos takes the folder that the paths in the lists start from")
    faults: list[Fault] = []
    clips = [clip for path in lists for clip in _read(path, videos, faults)]
    if faults:
        more = f" ({len(faults) - 1} more line(s) with a fault)" if faults[1:] else ""
        raise UserError(f"{faults[0]}{more}")
    if not clips:
        raise UserError(f"{lists[0]} has no line; expected `video label`, `folder frames label`, or Kinetics' table")
    said, splits = [], {clip.split for clip in clips}
    if "test" not in splits and "val" in splits:
        clips = [replace(clip, split="test") if clip.split == "val" else clip for clip in clips]
        said.append("val is the test split, as there is no other; validation is drawn when the data are loaded")
    if "" in splits:
        if len(splits) > 1 or len(lists) > 1:
            raise UserError(f"of {', '.join(map(str, lists))}, each must say train, val or test in its name")
        said.append("no list says train, val or test in its name: splits are drawn when the data are loaded")
    labels = {clip.label for clip in clips if clip.label not in HIDDEN}
    if labels and all(map(is_number, labels)):
        count = 1 + max(map(int, labels))
        if count > MAX_CLASSES:
            raise UserError(f"label {count - 1} in {', '.join(map(str, lists))}; expected 0 to {MAX_CLASSES - 1}")
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
    split, clips = _split_of(path), []
    for line, content in enumerate(read_text(path).split("\n"), start=1):
        if content.strip():
            with collected(faults, path, line):
                clips.append(_listed(content.strip(), split, videos))
    return clips


def _split_of(path: Path) -> str:
    """The split that the name of a list says; empty where it says none.

    Raises:
        UserError: for a name that says several.
    """
    words = (found[1].lower() for found in SPLIT.finditer(path.stem.replace("_", " ")))
    said = {"val" if word == "validation" else word for word in words}
    if len(said) > 1:
        raise UserError(f"the name of {path} says {' and '.join(sorted(said))}; rename it, so that it says one split")
    return next(iter(said), "")


def _listed(content: str, split: str, videos: Path) -> ListedClip:
    """The clip of a line; a name may hold blanks."""
    for count in (1, 2, 3):
        name, *cells = content.rsplit(maxsplit=count)
        numbers = ["[0-9]{1,9}"] * (count - 1) + ["-1|[0-9]{1,9}"]
        fits = len(cells) == count and all(map(re.fullmatch, numbers, cells))
        if fits and ((videos / name).is_dir() or (count == 1 and (videos / name).is_file())):
            if not is_below(below := relative_to(name, videos)):
                raise UserError(f"{name!r:.160} lies outside {videos}; --videos takes a folder that holds all of them")
            first, frames = ([0, 0], [0, *map(int, cells[:-1])], [*map(int, cells[:-1])])[count - 1]
            return ListedClip(video=below, label=cells[-1], split=split, first=first, frames=frames)
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
            split = "val" if row["split"] in ("validate", "validation") else row["split"]
            part = (0, 0) if PurePosixPath(found[0]).stem == stems[0] else _part_of(videos, found[0], start, end)
            clips.append(ListedClip(video=found[0], label=row["label"], split=split, start_s=part[0], end_s=part[1]))
    return clips


def _part_of(videos: Path, name: str, start_s: int, end_s: int) -> tuple[int, int]:
    """The seconds of a clip in the file that its id names, which may be the clip or the whole video; 0, 0: all of it.

    Raises:
        UserError: for a file that is neither as long as the clip, nor as long as the clip's end.
    """
    times_T = frame_times(videos, [name])[name]
    length_s = video_length_s(times_T) if len(times_T) else 0.0
    if length_s >= end_s > start_s:
        return start_s, end_s
    if 0 < length_s <= end_s - start_s + SLACK_S:
        return 0, 0
    raise UserError(
        f"{name} lasts {length_s:.2f} s: neither the clip from {start_s} s to {end_s} s, nor the whole video; call it "
        f"{PurePosixPath(name).stem}_{start_s:06d}_{end_s:06d} if it is the clip"
    )


def _whole(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}(\.0*)?", cell):
        raise UserError(f"the time {cell!r}; expected whole seconds")
    return int(float(cell))


def _table(clips: Sequence[ListedClip]) -> str:
    """The table's CSV, without the columns that are not known."""
    with_split, with_frames = any(clip.split for clip in clips), any(clip.frames for clip in clips)
    with_seconds = any(clip.end_s for clip in clips)
    columns = ["start_frame", "end_frame"] * with_frames + ["start_s", "end_s"] * with_seconds
    rows: list[list[object]] = [["video", "label", *["split"] * with_split, *columns]]
    for clip in clips:
        part = [clip.first, clip.first + clip.frames if clip.frames else 0] * with_frames
        part += [clip.start_s, clip.end_s] * with_seconds
        label = "" if clip.label in HIDDEN else no_formula(clip.label)
        rows.append([no_formula(clip.video), label, *[clip.split] * with_split, *part])
    return csv_text(rows)
