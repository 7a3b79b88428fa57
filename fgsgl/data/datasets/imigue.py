"""iMiGUE (Liu et al. 2021, CVPR): 32 classes, 72 people at press conferences; `--root` is the folder of the copy.

Three layouts are known by what lies in the folder: the full release (one table of labels), the release of the MiGA
challenge (a table a video), and clips cut out of it (a list a split). Only the full release names the subjects; the
others are split by video, so that one person may stand in two splits, and the table says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress, Row, Split, read_cells, table_of
from fgsgl.data.datasets._release import (
    class_id,
    csv_archive,
    file_of_setting,
    path_of_setting,
    read_joints,
    read_list,
    read_rows,
    read_settings,
    require_file,
    whole_numbers,
)
from fgsgl.data.datasets.base import Challenge, Counts, DataSet, Skeletons
from fgsgl.data.faults import Fault, collected
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import numpy as np

FPS = 25.0
JOINTS = 22
"""Joints of OpenPose in the skeleton files, which begin at their second column."""
ILLUSTRATIVE = {99: 31}
"""The raw label of the illustrative gestures, and their class."""
TEST_SUBJECTS = frozenset({
    1, 3, 7, 8, 11, 16, 19, 24, 26, 27, 32, 33, 34, 37, 40, 45, 49, 50, 51, 54, 55, 56, 57, 58, 60, 63, 64, 65, 66, 67,
    68, 69, 70, 71, 72,
})  # fmt: skip
TRAIN_SUBJECTS = frozenset(range(1, 73)) - TEST_SUBJECTS
SETTINGS = {
    "label_file": "Label/labels_20200831.csv",
    "video_pattern": "Video/{video}.mp4",
    "miga_folder": "imigue_rgb_{split}",
    "miga_video_pattern": "imigue_rgb_{split}/{video}.mp4",
    "skeleton_pattern": "imigue_skeleton_{split}/{video}_light_hand.csv",
    "cut_list": "{split}_list.txt",
}
BY_VIDEO = "iMiGUE: this layout does not name the subjects, so splits are by video and may share a person."
COLUMNS = ("video_id", "class", "start_frame", "end_frame", "subject_id")


def official_counts(root: Path, preset: str) -> Counts:
    """Published counts of the full and of the MiGA release; none are known for cut clips."""
    counts: dict[str, Counts] = {
        "full": {"train": 13936, "test": 4563, "subjects": 72},
        "miga": {"train": 13670, "test": 4562},
    }
    return counts.get(layout(root), {})


def layout(root: Path) -> str:
    """``full``, ``miga`` or ``cut``.

    Raises:
        UserError: where none of them lies.
    """
    settings = read_settings(root, SETTINGS)
    marks = {
        "full": settings["label_file"],
        "miga": path_of_setting(root, settings, "miga_folder", split="train"),
        "cut": path_of_setting(root, settings, "cut_list", split="train"),
    }
    for name, mark in marks.items():
        if (root / mark).exists():
            return name
    raise UserError(f"no iMiGUE at {root}: expected one of {', '.join(marks.values())} in it")


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table: the official split by subject (full release) or by video; validation drawn by the seed.

    Raises:
        UserError: for a folder of no known layout, a missing file, or a row that does not fit.
    """
    settings = read_settings(root, SETTINGS)
    classes = fgtext.load("imigue").class_names
    kind = layout(root)
    faults: list[Fault] = []
    rows: list[Row] = []
    with collected(faults):
        rows.extend({"full": _full, "miga": _miga, "cut": _cut}[kind](root, settings, len(classes), faults))
    return table_of(
        rows, faults, lambda clips: move_subjects(clips, "val", VAL_SHARE, seed), dataset="imigue", root=root,
        classes=classes, caveats=() if kind == "full" else (BY_VIDEO,),
    )  # fmt: skip


def skeleton_path(root: Path, clip: Clip) -> Path:
    """The file with the skeletons of a clip's recording; only the MiGA release has them.

    Raises:
        UserError: if there is none.
    """
    split, video = Path(clip.video).parent.name.rpartition("_")[2], Path(clip.video).stem
    settings = read_settings(root, SETTINGS)
    return root / file_of_setting(root, settings, "skeleton_pattern", split=split, video=video)


def read_skeleton(root: Path, clip: Clip) -> np.ndarray:
    """The clip's joints in the image and their confidence, ``joints_TJ3``."""
    path = skeleton_path(root, clip)
    return read_joints(path, clip.start_frame, clip.end_frame, joints=JOINTS, values=3, first_column=1)


def submission(clip_ids: Sequence[str], scores_NC: np.ndarray) -> bytes:
    """The archive of the MiGA challenge, one row ``0004_0,30`` a test clip, by video and index: which video, which row
    of its label table from 0, and the class from 0. The table's name inside the archive (?) is Submission.csv.

    Raises:
        UserError: for clips of another layout than the challenge's.
    """
    places: list[tuple[str, int]] = []
    for clip_id in clip_ids:
        found = re.fullmatch(r"(\d+)_(\d+)", clip_id)
        if not found:
            raise UserError(
                f"clip {clip_id!r} is not of the MiGA release, whose test clips the challenge expects (0004_0)"
            )
        places.append((found[1], int(found[2])))
    order = sorted(range(len(places)), key=places.__getitem__)
    answers_N = scores_NC.argmax(axis=1)
    return csv_archive("Submission.csv", ((clip_ids[n], answers_N[n]) for n in order))


def _full(root: Path, settings: dict[str, str], n_classes: int, faults: list[Fault]) -> Iterator[Row]:
    path = root / settings["label_file"]
    videos: dict[str, str] = {}
    for line, row in read_cells(path, faults, COLUMNS):
        with collected(faults, path, line):
            raw, start, end, subject = whole_numbers([row[name] for name in COLUMNS[1:]], 4)
            if subject not in TEST_SUBJECTS | TRAIN_SUBJECTS:
                raise UserError(f"subject {subject}, expected 1..72")
            name = row["video_id"].zfill(4)
            if name not in videos:
                videos[name] = file_of_setting(root, settings, "video_pattern", video=name)
            clip = Clip(
                clip_id=f"{name}_{start}_{end}_{raw}",
                video=videos[name],
                start_frame=start,
                end_frame=end + 1,
                label=class_id(raw, 1, n_classes, ILLUSTRATIVE),
                subject=f"{subject:02d}",
                split="test" if subject in TEST_SUBJECTS else "train",
                fps=FPS,
            )
            yield Row(file=path, line=line, clip=clip)


def _miga(root: Path, settings: dict[str, str], n_classes: int, faults: list[Fault]) -> Iterator[Row]:
    for split in ("train", "test"):
        folder = root / path_of_setting(root, settings, "miga_folder", split=split)
        tables = sorted(folder.glob("*_label.csv"))
        if not tables:
            raise UserError(f"no label tables (such as 0001_label.csv) in {folder}; half an extraction?")
        for table in tables:
            name = table.name.removesuffix("_label.csv")
            with collected(faults):
                video = file_of_setting(root, settings, "miga_video_pattern", split=split, video=name)
                yield from _video_of_miga(table, name, video, split, n_classes, faults)


def _video_of_miga(
    table: Path, name: str, video: str, split: Split, n_classes: int, faults: list[Fault]
) -> Iterator[Row]:
    """The clips of one label table."""
    for index, (line, cells) in enumerate(read_rows(table)):
        with collected(faults, table, line):
            raw, start, end = whole_numbers(cells, 3)
            clip = Clip(
                clip_id=f"{name}_{index}",
                video=video,
                start_frame=start,
                end_frame=end + 1,
                label=class_id(raw, 1, n_classes, ILLUSTRATIVE),
                subject=f"video {name}",
                split=split,
                fps=FPS,
            )
            yield Row(file=table, line=line, clip=clip)


def _cut(root: Path, settings: dict[str, str], n_classes: int, faults: list[Fault]) -> Iterator[Row]:
    """Lists of ``path label``; a file is called video_start_end_class, in seconds, with the class from 0."""
    for split in ("train", "test"):
        table = root / file_of_setting(root, settings, "cut_list", split=split)
        for line, path, raw in read_list(table):
            with collected(faults, table, line):
                found = re.fullmatch(r"([0-9]+)_([0-9.]+)_([0-9.]+)_([0-9]{1,9})", Path(path).stem)
                if not found:
                    raise UserError(f"{path!r}, expected a name such as 184_24.0763_27.4979_22.mp4")
                label = class_id(whole_numbers([raw], 1)[0], 0, n_classes)
                if label != int(found[4]):
                    raise UserError(f"label {label}, but the file's name says {found[4]}")
                clip = Clip(
                    clip_id=Path(path).stem, video=require_file(root, path), start_frame=0, end_frame=0, label=label,
                    subject=f"video {found[1]}", split=split, fps=FPS,
                )  # fmt: skip
                yield Row(file=table, line=line, clip=clip)


DATASET = DataSet(
    name="imigue",
    presets={"official": {"epochs": 20, "size": "standard"}},
    load=load,
    text=lambda root: "imigue",
    official_counts=official_counts,
    skeletons=Skeletons(
        layout="openpose22",
        read=read_skeleton,
        path=skeleton_path,
        caveats=("iMiGUE: which of OpenPose's joints its skeleton files hold is a guess (layout openpose22).",),
    ),
    challenge=Challenge(archive="Submission.zip", n_clips=4562, submission=submission),
)
