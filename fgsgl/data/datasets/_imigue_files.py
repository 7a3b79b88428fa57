"""The rows of an iMiGUE copy: found in the full release, in the MiGA challenge's tree, or among cut clips."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from fgsgl.data.clip_table import Clip, Row, Split, read_cells
from fgsgl.data.datasets._release import (
    cells_of_clip,
    class_id,
    nothing_in,
    read_list,
    read_rows,
    whole_numbers,
    without_labels,
)
from fgsgl.data.datasets._tree import VIDEO, Copy, counted, open_copy, split_of
from fgsgl.data.faults import Fault, collected
from fgsgl.data.hidden_test import Unlabelled, with_labels
from fgsgl.data.labels import HIDDEN
from fgsgl.util.errors import UserError
from fgsgl.util.files import DELIMITERS

N_CLASSES = 32
FPS = 25.0
ILLUSTRATIVE = {99: 31}
"""The raw label of the illustrative gestures, and their class."""
TEST_SUBJECTS = frozenset({
    1, 3, 7, 8, 11, 16, 19, 24, 26, 27, 32, 33, 34, 37, 40, 45, 49, 50, 51, 54, 55, 56, 57, 58, 60, 63, 64, 65, 66, 67,
    68, 69, 70, 71, 72,
})  # fmt: skip
TRAIN_SUBJECTS = frozenset(range(1, 73)) - TEST_SUBJECTS
COLUMNS = ("video_id", "class", "start_frame", "end_frame", "subject_id")
FormName = Literal["full", "miga", "cut"]
FULL: FormName = "full"
MIGA: FormName = "miga"
CUT: FormName = "cut"
TABLES_OF_MIGA = r"([0-9]{1,4})_label\.csv"
LISTS = r"(train|test|val|validate|validation)(?:_list)?\.txt"
EXPECTED = (
    "expected, at any depth, labels_20200831.csv (full release), 0001_label.csv and the like (the MiGA challenge), or "
    "train_list.txt or train.txt (cut clips)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The rows of a copy, and what it is."""

    copy: Copy
    form: FormName
    rows: tuple[Row, ...]
    """Those that could be read; the label of every test clip is None where the release hides them."""
    notes: tuple[str, ...]


def find_rows(root: Path, faults: list[Fault]) -> Found:
    """The rows of a copy.

    Args:
        root: its folder.
        faults: gets those of rows and recordings that cannot be read.

    Raises:
        UserError: where no label table of a known form lies in it.
    """
    copy = open_copy(root)
    form = form_of(copy)
    read = {FULL: _full, MIGA: _miga, CUT: _cut}[form]
    found, notes = read(copy, faults)
    rows, said = with_labels(found, _class_of_cut if form == CUT else _class_of, faults)
    return Found(copy=copy, form=form, rows=tuple(rows), notes=(*notes, *said))


def form_of(copy: Copy) -> FormName:
    """The form of a copy, by the names of its label tables alone.

    Raises:
        UserError: where there is none of a known form.
    """
    if _full_tables(copy):
        return FULL
    if copy.found("labels", TABLES_OF_MIGA):
        return MIGA
    if copy.named("labels", r"train(_list)?\.txt"):
        return CUT
    raise UserError(f"no iMiGUE at {copy.folders['labels']}: {EXPECTED}")


def _full_tables(copy: Copy) -> list[str]:
    return [file for file, _ in copy.named("labels", r"labels_[0-9]+\.csv")]


def _name(number: int) -> str:
    return f"recording {number:04d}"


def _videos(copy: Copy, faults: list[Fault]) -> dict[int, str]:
    """The video of each recording; ``faults`` gets the recordings with several."""
    found = copy.found("videos", r"([0-9]{1,4})" + VIDEO, repeats_in_validation=True)
    return copy.one_each(found, "videos", faults, _name)


def _video(copy: Copy, videos: Mapping[int, str], number: int) -> str:
    if number not in videos:
        raise UserError(
            f"no video of recording {number:04d} below {copy.folders['videos']}: expected one file {number:04d}.mp4 at "
            "any depth; half an extraction? If the videos lie elsewhere, name their folder in fgsgl.yaml (videos: "
            "FOLDER)"
        )
    return videos[number]


def _full(copy: Copy, faults: list[Fault]) -> tuple[list[Unlabelled], list[str]]:
    """The rows of the full release, whose table names the subjects."""
    table, *others = _full_tables(copy)
    if others:
        raise UserError(
            f"{copy.root} has {1 + len(others)} label tables of the full release: {counted([table, *others])}; which "
            "is meant? Remove the others, or name the folder in fgsgl.yaml (labels: FOLDER)"
        )
    path, videos, rows = copy.path("labels", table), _videos(copy, faults), list[Unlabelled]()
    told: set[int] = set()
    lacking: set[int] = set()
    for line, row in read_cells(path, faults, COLUMNS, delimiters=DELIMITERS):
        with collected(faults, path, line):
            numbers = ("video_id", "start_frame", "end_frame", "subject_id")
            number, start, end, subject = whole_numbers([row[name] for name in numbers], numbers)
            told.add(number)
            if subject not in TEST_SUBJECTS | TRAIN_SUBJECTS:
                raise UserError(f"subject {subject}, expected 1..72")
            if number in lacking:
                continue
            if number not in videos:
                lacking.add(number)
            split: Split = "test" if subject in TEST_SUBJECTS else "train"
            video, raw = _video(copy, videos, number), row["class"]
            clip = Clip(
                clip_id=f"{number:04d}_{start}_{end}_{raw}",
                video=video,
                start_frame=start,
                end_frame=end + 1,
                label=None,
                subject=f"{subject:02d}",
                split=split,
                fps=FPS,
            )
            rows.append((Row(file=path, line=line, clip=clip), raw))
    used = {row.clip.video for row, _ in rows}
    untold = [_name(number) for number in sorted(set(videos) - told)]
    return rows, [f"recognised: iMiGUE, the full release ({table}); {len(used)} recordings", *without_labels(untold)]


def _class_of(raw: str) -> int:
    """The class of a label of the release, 1 to 31 or 99."""
    return class_id(raw, 1, N_CLASSES, ILLUSTRATIVE)


def _class_of_cut(raw: str) -> int:
    """The class of a label of cut clips, from 0."""
    return class_id(raw, 0, N_CLASSES)


def _miga(copy: Copy, faults: list[Fault]) -> tuple[list[Unlabelled], list[str]]:
    """The rows of the MiGA challenge's tree: a label table a recording, the split by the table's folder."""
    found = copy.found("labels", TABLES_OF_MIGA, repeats_in_validation=True)
    tables, videos = copy.one_each(found, "labels", faults, _name), _videos(copy, faults)
    rows: list[Unlabelled] = []
    blank: list[str] = []
    counts: dict[Split, int] = {"train": 0, "test": 0}
    for number, table in sorted(tables.items()):
        with collected(faults):
            split, path = _split_of(copy, table), copy.path("labels", table)
            before = len(faults)
            read = list(_table_of_miga(path, number, _video(copy, videos, number), split, faults))
            if not read and len(faults) == before:
                blank.append(table)
            rows += read
            counts[split] += 1
    repeated = sum(
        split_of(file) == "val" and found[int(match[1])] != [file]
        for file, match in copy.named("labels", TABLES_OF_MIGA)
    )
    notes = [
        f"recognised: iMiGUE in the MiGA challenge's tree; {counts['train']} training and {counts['test']} test "
        "recordings"
    ]
    if repeated:
        notes.append(f"the validation folder is ignored: its {repeated} recordings are training recordings")
    untold = [_name(number) for number in sorted(set(videos) - set(found))]
    return rows, [*notes, *without_labels(untold), *nothing_in(blank)]


def _split_of(copy: Copy, table: str) -> Split:
    """The split that the folders of a label table name: the dummy labels of the test must not be trained on."""
    named = split_of(table)
    if named is not None:
        return "test" if named == "test" else "train"
    raise UserError(
        f"{copy.path('labels', table)}: no folder on the way to this label table says train or test, as in "
        "imigue_skeleton_train; expected the folders of the MiGA challenge"
    )


def _table_of_miga(path: Path, number: int, video: str, split: Split, faults: list[Fault]) -> Iterator[Unlabelled]:
    """The clips of one label table."""
    for index, (line, cells) in enumerate(read_rows(path)):
        with collected(faults, path, line):
            raw, start, end = cells_of_clip(cells)
            clip = Clip(
                clip_id=f"{number:04d}_{index}",
                video=video,
                start_frame=start,
                end_frame=end + 1,
                label=None,
                subject=f"video {number:04d}",
                split=split,
                fps=FPS,
            )
            yield Row(file=path, line=line, clip=clip), raw


def _cut(copy: Copy, faults: list[Fault]) -> tuple[list[Unlabelled], list[str]]:
    """The rows of cut clips: lists of ``path label``, with the class from 0."""
    lists: dict[str, list[str]] = {}
    for file, match in copy.named("labels", LISTS):
        lists.setdefault(match[1].lower(), []).append(file)
    rows: list[Unlabelled] = []
    splits: tuple[Split, ...] = ("train", "test")
    for split in splits:
        with collected(faults):
            found = lists.get(split, [])
            if not found and split == "test":  # phase 1 alone
                continue
            if len(found) != 1:
                what = f"{len(found)} such lists ({counted(found)})" if found else "none"
                raise UserError(f"{copy.folders['labels']}: expected one {split}_list.txt or {split}.txt, found {what}")
            rows.extend(_list_of_cut(copy, found[0], split, faults))
    notes = [f"recognised: iMiGUE, cut clips ({', '.join(lists[split][0] for split in splits if split in lists)})"]
    if others := [file for name, files in lists.items() if name not in splits for file in files]:
        notes.append(f"the validation list is ignored, since its clips are training clips: {counted(others)}")
    return rows, notes


def _list_of_cut(copy: Copy, file: str, split: Split, faults: list[Fault]) -> Iterator[Unlabelled]:
    """The clips of one list. A file is called video_index, or video_start_end_class in seconds."""
    table = copy.path("labels", file)
    for line, path, raw in read_list(table):
        with collected(faults, table, line):
            stem = PurePosixPath(path.replace("\\", "/")).stem
            found = re.fullmatch(r"([0-9]{1,4})_(?:[0-9]+|[0-9.]+_[0-9.]+_([0-9]{1,9}))", stem)
            if not found:
                raise UserError(f"{path!r}, expected a name such as 0001_0.mp4 or 184_24.0763_27.4979_22.mp4")
            if found[2] and raw not in HIDDEN and class_id(raw, 0, N_CLASSES) != int(found[2]):
                raise UserError(f"label {raw}, but the file's name says {found[2]}")
            clip = Clip(
                clip_id=stem, video=copy.listed_video(path, split), start_frame=0, end_frame=0, label=None,
                subject=f"video {int(found[1]):04d}", split=split, fps=FPS,
            )  # fmt: skip
            yield Row(file=table, line=line, clip=clip), raw
