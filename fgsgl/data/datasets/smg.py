"""SMG (Chen et al. 2023, IJCV): 17 classes, 40 seated and standing people; `--root` is the folder of the copy.

Two layouts are known by what lies in the folder: the release (``Sample0001/ ...``: whole recordings, with the frames
of every clip in a table), and clips cut out of it (``training_clips/``, ``testing_clips/``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress, Row, Split, table_of
from fgsgl.data.datasets._release import (
    class_id,
    file_of_setting,
    path_of_setting,
    read_joints,
    read_rows,
    read_settings,
    require_file,
    whole_numbers,
)
from fgsgl.data.datasets.base import Counts, DataSet, Skeletons
from fgsgl.data.faults import Fault, collected
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import numpy as np

TEST_SUBJECTS = range(36, 41)
SETTINGS = {
    "video_pattern": "{sample}/{sample}_color.mp4",
    "label_pattern": "{sample}/{sample}_finelabels.csv",
    "info_pattern": "{sample}/{sample}_data.csv",
    "skeleton_pattern": "{sample}/{sample}_skeleton.csv",
}
CUT_FOLDERS: dict[Split, str] = {"train": "training_clips", "test": "testing_clips"}
JOINTS, VALUES = 25, 11
"""Joints of a Kinect, in its order, and values of each: place in metres (3), orientation (4), place in the image (2),
two unused."""


def official_counts(root: Path, preset: str) -> Counts:
    """Published counts."""
    return {"train": 3082, "test": 610, "subjects": 40}


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table: subjects 36 to 40 are the test split; the seed draws the validation split from the others.

    Raises:
        UserError: for a folder without samples, a missing file, or a row that does not fit.
    """
    settings = read_settings(root, SETTINGS)
    classes = fgtext.load("smg").class_names
    faults: list[Fault] = []
    if any((root / folder).is_dir() for folder in CUT_FOLDERS.values()):
        parts = [_cut(root, split, folder, classes, faults) for split, folder in CUT_FOLDERS.items()]
    else:
        samples = sorted(path.name for path in root.glob("Sample[0-9]*") if path.is_dir())
        if not samples:
            raise UserError(
                f"no SMG at {root}: expected folders Sample0001, Sample0002, ... (the release) or "
                f"{' and '.join(CUT_FOLDERS.values())} (cut clips)"
            )
        parts = [_sample(root, settings, sample, len(classes), faults) for sample in samples]
    rows: list[Row] = []
    for part in parts:
        with collected(faults):
            rows.extend(part)
    return table_of(
        rows, faults, lambda clips: move_subjects(clips, "val", VAL_SHARE, seed), dataset="smg", root=root,
        classes=classes,
    )  # fmt: skip


def skeleton_path(root: Path, clip: Clip) -> Path:
    """The file with the skeletons of a clip's recording.

    Raises:
        UserError: if there is none.
    """
    sample = clip.clip_id.partition("_")[0]
    return root / file_of_setting(root, read_settings(root, SETTINGS), "skeleton_pattern", sample=sample)


def read_skeleton(root: Path, clip: Clip) -> np.ndarray:
    """The clip's joints in metres, ``joints_TJ3``; see :func:`fgsgl.data.datasets._release.read_joints`."""
    path = skeleton_path(root, clip)
    return read_joints(path, clip.start_frame, clip.end_frame, joints=JOINTS, values=VALUES, first_column=0)


def _sample(root: Path, settings: dict[str, str], sample: str, n_classes: int, faults: list[Fault]) -> Iterator[Row]:
    """The clips of one recording; their frame numbers are inclusive in the file."""
    video = file_of_setting(root, settings, "video_pattern", sample=sample)
    labels = root / file_of_setting(root, settings, "label_pattern", sample=sample)
    fps = _fps(root / path_of_setting(root, settings, "info_pattern", sample=sample))
    number = int(sample.removeprefix("Sample"))
    for line, cells in read_rows(labels):
        with collected(faults, labels, line):
            raw, start, end = whole_numbers(cells, 3)
            clip = Clip(
                clip_id=f"{sample}_{start}_{end}",
                video=video,
                start_frame=start,
                end_frame=end + 1,
                label=class_id(raw, 1, n_classes),
                subject=f"{number:02d}",
                split="test" if number in TEST_SUBJECTS else "train",
                fps=fps,
            )
            yield Row(file=labels, line=line, clip=clip)


def _fps(path: Path) -> float:
    """Frames per second of a recording; 0, unknown, without the release's small table."""
    if not path.is_file():
        return 0.0
    line, cells = next(read_rows(path), (0, ["0", "0"]))
    if len(cells) < 2 or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", cells[1]):
        raise UserError(f"{path}, line {line}: {', '.join(cells)}; expected frames per second in the second cell")
    return float(cells[1])


def _cut(root: Path, split: Split, folder: str, classes: tuple[str, ...], faults: list[Fault]) -> Iterator[Row]:
    """The clips of a folder with ``clip.csv`` (header ``clip,caption``); a whole file each."""
    table = root / folder / "clip.csv"
    id_of = {name.lower(): index for index, name in enumerate(classes)}
    for line, (name, *words) in read_rows(table):
        if line == 1 and name.lower() == "clip":
            continue
        with collected(faults, table, line):
            caption = ", ".join(words)  # class names hold commas, and the table no quotation marks
            found = re.fullmatch(r"Sample([0-9]{1,9})_([0-9]+)_([0-9]+)(\.\w+)?", Path(name).name)
            if not found:
                raise UserError(f"clip {name!r}, expected a name such as Sample0036_8358_8373.mp4")
            if caption.lower() not in id_of and not re.fullmatch(r"[0-9]{1,9}", caption):
                raise UserError(f"caption {caption!r} is no class of SMG; labels of another data set?")
            number = int(found[1])
            if (number in TEST_SUBJECTS) != (split == "test"):
                raise UserError(f"subject {number} in {folder}; subjects 36 to 40 are the test split")
            file = f"{folder}/{name}" if found[4] else f"{folder}/{name}.mp4"
            label = id_of[caption.lower()] if caption.lower() in id_of else class_id(int(caption), 0, len(classes))
            clip = Clip(
                clip_id=Path(name).stem, video=require_file(root, file), start_frame=0, end_frame=0, label=label,
                subject=f"{number:02d}", split=split, fps=0.0,
            )  # fmt: skip
            yield Row(file=table, line=line, clip=clip)


DATASET = DataSet(
    name="smg",
    presets={"official": {"epochs": 20, "size": "standard"}},
    load=load,
    text=lambda root: "smg",
    official_counts=official_counts,
    skeletons=Skeletons(layout="kinect25", read=read_skeleton, path=skeleton_path),
)
