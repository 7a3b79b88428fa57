"""SMG (Chen et al. 2023, IJCV): 17 classes, 40 seated and standing people; `--root` is the folder of the copy.

Two forms are known by what lies in the folder: whole recordings, with the frames of every clip in a table (the release,
a folder a sample; and the MiGA challenge's tree, in which videos and tables lie apart), and clips cut out of them
(``training_clips/``, ``testing_clips/``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress, Row, Split, table_of
from fgsgl.data.datasets._release import (
    JointTable,
    cells_of_clip,
    class_id,
    nothing_in,
    read_joints,
    read_rows,
    refuse_cut_clips,
    without_labels,
)
from fgsgl.data.datasets._tree import VIDEO, Copy, counted, open_copy
from fgsgl.data.datasets.base import Counts, DataSet, Skeletons
from fgsgl.data.faults import Fault, collected
from fgsgl.data.hidden_test import DRAWN_TEST, Unlabelled, drawn_test, lacks_test, with_labels, without_test
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import numpy as np

OFFICIAL, DRAWN_VAL = "official", "drawn-val"
VAL_SUBJECTS = range(31, 36)
"""The release's own validation people, none of whom is in training."""
TEST_SUBJECTS = range(36, 41)
SUBJECTS = range(1, 41)
CUT_FOLDERS: dict[Split, str] = {"train": "training_clips", "test": "testing_clips"}
SKELETON = JointTable(first_column=0, joints=25, values=11, wanted=range(25))
"""Joints of a Kinect, in its order, and values of each: place in metres (3), orientation (4), place in the image (2),
two unused."""


def official_counts(root: Path, preset: str) -> Counts:
    """Published counts: 2,452 training, 637 validation and 610 test clips."""
    if preset == DRAWN_TEST:
        return {"clips": 3089, "subjects": 35}
    return {"train": 3089, "test": 610, "subjects": 40}


def preset_of(root: Path) -> str:
    """The preset for a copy: ``official``, or ``drawn-test`` where it has no test labels."""
    rows, _, _ = _rows(root, [])
    return DRAWN_TEST if lacks_test(rows) else OFFICIAL


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table of a preset.

    ``official``: subjects 31 to 35 are the validation split, 36 to 40 the test split. ``drawn-val``: the seed draws the
    validation split from subjects 1 to 35. ``drawn-test``: for copies without test labels, see
    :mod:`fgsgl.data.hidden_test`.

    Raises:
        UserError: for a folder without samples, a missing file, or a row that does not fit.
    """
    faults: list[Fault] = []
    rows, notes, videos = _rows(root, faults)
    caveats: tuple[str, ...] = ()
    if preset == DRAWN_TEST:
        rows, sentence = without_test(rows, "SMG", "subjects")
        caveats = (sentence,)

    def split(clips: Sequence[Clip]) -> Sequence[Clip]:
        if preset == DRAWN_VAL:
            return move_subjects(clips, "val", VAL_SHARE, seed)
        clips = [replace(clip, split="val") if _is_val(clip) else clip for clip in clips]
        return drawn_test(clips, seed) if preset == DRAWN_TEST else clips

    return table_of(
        rows, faults, split, dataset="smg", root=root, videos=videos, classes=fgtext.load("smg").class_names,
        caveats=caveats, notes=notes,
    )  # fmt: skip


def _is_val(clip: Clip) -> bool:
    return clip.split == "train" and int(clip.subject) in VAL_SUBJECTS


def _rows(root: Path, faults: list[Fault]) -> tuple[list[Row], tuple[str, ...], Path]:
    """The rows of a copy, lines about it, and the folder of its videos; a test split of one label hides its labels."""
    copy, classes = open_copy(root), fgtext.load("smg").class_names
    if tables := [file for file, _ in copy.named("labels", r"clip\.csv") if _cut_split(file)]:
        found, notes = _cuts(copy, tables, faults)
        id_of = {name.lower(): index for index, name in enumerate(classes)}
        rows, said = with_labels(found, lambda caption: _class_of_caption(caption, id_of), faults)
    else:
        found, notes = _recordings(copy, faults)
        rows, said = with_labels(found, lambda raw: class_id(raw, 1, len(classes)), faults)
    return rows, (*notes, *said), copy.folders["videos"]


def _cut_split(table: str) -> Split | None:
    """The split of a table of cut clips, by the folder that holds it; None for another table."""
    folder = PurePosixPath(table).parent.name.casefold()
    return next((split for split, name in CUT_FOLDERS.items() if name == folder), None)


def _cuts(copy: Copy, tables: Sequence[str], faults: list[Fault]) -> tuple[list[Unlabelled], list[str]]:
    """The rows of cut clips, and lines about them."""
    rows: list[Unlabelled] = []
    for split, folder in CUT_FOLDERS.items():
        own = [table for table in tables if _cut_split(table) == split]
        with collected(faults):
            if len(own) > 1 or (not own and split == "train"):
                what = f"{len(own)} such tables ({counted(own)})" if own else "none"
                raise UserError(f"{copy.folders['labels']}: expected one {folder}/clip.csv, found {what}")
            for table in own:
                rows.extend(_cut(copy, split, table, faults))
    return rows, [f"recognised: SMG, clips cut out of its recordings ({' and '.join(tables)})"]


def _recordings(copy: Copy, faults: list[Fault]) -> tuple[list[Unlabelled], list[str]]:
    """The rows of whole recordings, and lines about them."""
    tables = copy.one_each(copy.found("labels", r"Sample0*([0-9]{1,4})_finelabels\.csv"), "labels", faults, _name)
    videos = copy.one_each(copy.found("videos", r"Sample0*([0-9]{1,4})(?:_color)?" + VIDEO), "videos", faults, _name)
    infos = {number: files[0] for number, files in copy.found("labels", r"Sample0*([0-9]{1,4})_data\.csv").items()}
    if not tables:
        raise UserError(
            f"no SMG at {copy.root}: expected, at any depth, Sample0001_finelabels.csv and Sample0001_color.mp4, ... "
            f"(whole recordings), or {' and '.join(CUT_FOLDERS.values())} (cut clips)"
        )
    rows: list[Unlabelled] = []
    blank: list[str] = []
    for number, table in sorted(tables.items()):
        with collected(faults):
            if number not in videos:
                raise UserError(
                    f"no video of {_name(number)} below {copy.folders['videos']}, but its label table {table}: "
                    f"expected {_name(number)}_color.mp4 at any depth; half an extraction? If the videos lie "
                    "elsewhere, name their folder in fgsgl.yaml (videos: FOLDER)"
                )
            before = len(faults)
            read = list(_sample(copy, number, table, videos[number], infos.get(number), faults))
            if not read and len(faults) == before:
                blank.append(table)
            rows += read
    together = sum(Path(table).parent == Path(videos[n]).parent for n, table in tables.items() if n in videos)
    tree = "the release's tree, a folder a recording" if together else "the MiGA challenge's tree, tables beside videos"
    notes = [f"recognised: SMG in {tree}; {len(tables)} recordings"]
    untold = [_name(number) for number in sorted(set(videos) - set(tables))]
    return rows, [*notes, *without_labels(untold), *nothing_in(blank)]


def _name(number: int) -> str:
    return f"Sample{number:04d}"


def _sample(
    copy: Copy, number: int, table: str, video: str, info: str | None, faults: list[Fault]
) -> Iterator[Unlabelled]:
    """The clips of one recording; their last frame is inclusive in the file."""
    path, sample = copy.path("labels", table), _name(number)
    fps = _fps(copy.path("labels", info)) if info else 0.0
    if number not in SUBJECTS:
        raise UserError(f"{path}: sample {number}, expected 1 to {SUBJECTS[-1]}")
    split: Split = "test" if number in TEST_SUBJECTS else "train"
    for line, cells in read_rows(path):
        with collected(faults, path, line):
            raw, start, end = cells_of_clip(cells)
            clip = Clip(
                clip_id=f"{sample}_{start}_{end}",
                video=video,
                start_frame=start,
                end_frame=end + 1,
                label=None,
                subject=f"{number:02d}",
                split=split,
                fps=fps,
            )
            yield Row(file=path, line=line, clip=clip), raw


def _fps(path: Path) -> float:
    """Frames per second of a recording, from the release's small table."""
    line, cells = next(read_rows(path), (0, ["0", "0"]))
    if len(cells) < 2 or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", cells[1]):
        raise UserError(f"{path}, line {line}: {', '.join(cells)}; expected frames per second in the second cell")
    return float(cells[1])


def _class_of_caption(caption: str, id_of: Mapping[str, int]) -> int:
    """The class of a caption: its name, or its number from 0."""
    if caption.lower() in id_of:
        return id_of[caption.lower()]
    if not re.fullmatch(r"[0-9]{1,9}", caption):
        raise UserError(f"caption {caption!r} is no class of SMG; labels of another data set?")
    return class_id(caption, 0, len(id_of))


def _cut(copy: Copy, split: Split, file: str, faults: list[Fault]) -> Iterator[Unlabelled]:
    """The clips of a table with the header ``clip,caption``; a whole video each."""
    table = copy.path("labels", file)
    for line, (name, *words) in read_rows(table):
        if name.lower() == "clip":
            continue
        with collected(faults, table, line):
            caption = ", ".join(words)  # class names hold commas, and the table no quotation marks
            found = re.fullmatch(r"Sample([0-9]{1,9})_([0-9]+)_([0-9]+)(\.\w+)?", Path(name).name)
            if not found:
                raise UserError(f"clip {name!r}, expected a name such as Sample0036_8358_8373.mp4")
            number = int(found[1])
            if (number in TEST_SUBJECTS) != (split == "test"):
                raise UserError(f"subject {number} in {CUT_FOLDERS[split]}; subjects 36 to 40 are the test split")
            clip = Clip(
                clip_id=Path(name).stem, video=copy.listed_video(name, split), start_frame=0, end_frame=0, label=None,
                subject=f"{number:02d}", split=split, fps=0.0,
            )  # fmt: skip
            yield Row(file=table, line=line, clip=clip), caption


def skeleton_files(table: ClipTable, clips: Sequence[Clip]) -> list[Path]:
    """The file with the skeletons of each clip's recording.

    Raises:
        UserError: for a recording that has none, or several; or for cut clips.
    """
    refuse_cut_clips(table.root, clips)
    copy, faults = open_copy(table.root), list[Fault]()
    wanted = sorted({int(clip.subject) for clip in clips})
    found = copy.found("skeletons", r"Sample0*([0-9]{1,4})_skeleton\.csv")
    files = copy.one_each({number: found[number] for number in wanted if number in found}, "skeletons", faults, _name)
    if faults:
        raise UserError(str(faults[0]))
    for number in wanted:
        if number not in files:
            raise UserError(
                f"no skeletons of {_name(number)} below {copy.folders['skeletons']}: expected {_name(number)}"
                "_skeleton.csv at any depth; if they lie elsewhere, name their folder in fgsgl.yaml (skeletons: FOLDER)"
            )
    return [copy.path("skeletons", files[int(clip.subject)]) for clip in clips]


def read_skeleton(file: Path, clip: Clip) -> np.ndarray:
    """The clip's joints in metres, ``joints_TJ3``; see :func:`fgsgl.data.datasets._release.read_joints`."""
    return read_joints(file, clip.start_frame, clip.end_frame, SKELETON)


DATASET = DataSet(
    name="smg",
    presets={name: {"epochs": 20, "size": "standard"} for name in (OFFICIAL, DRAWN_VAL, DRAWN_TEST)},
    preset_of=preset_of,
    load=load,
    text=lambda root: "smg",
    official_counts=official_counts,
    skeletons=Skeletons(layout="kinect25", files=skeleton_files, read=read_skeleton),
)
