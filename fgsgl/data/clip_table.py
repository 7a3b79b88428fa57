"""The clip table: one typed row a clip, the only form in which any data set reaches the rest of the suite."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from fgsgl.util.errors import UserError
from fgsgl.util.files import read_table, write_whole

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Progress = Callable[[int, int], None]
"""Called by functions that take long, with (done, in all)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """One clip: frames ``start_frame`` (inclusive) to ``end_frame`` (exclusive; 0: its end) of a video file."""

    clip_id: str
    """Unique within the data set."""
    video: str
    """Path of the video file, relative to the table's root."""
    start_frame: int
    end_frame: int
    label: int
    """0-based class id."""
    subject: str
    """The person filmed; no subject may stand in two splits."""
    split: Split
    fps: float
    """0 where it is not known."""


COLUMNS = tuple(field.name for field in fields(Clip))


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipTable:
    """All clips of a data set, checked on construction.

    Raises:
        UserError: for a label outside the classes, an empty frame range, an unknown split, a repeated clip id, a
            path that leaves the root, or a subject in two splits.
    """

    dataset: str
    root: Path
    classes: tuple[str, ...]
    clips: tuple[Clip, ...]
    test_shares_subjects: bool = False
    """An official split that tests on people who are trained on; training and validation never share any."""
    caveats: tuple[str, ...] = ()
    """Sentences that belong under every board of these clips."""

    def __post_init__(self) -> None:
        check_clips(self.clips, self.classes, f"{self.dataset} at {self.root}", self.test_shares_subjects)

    def split(self, name: str) -> tuple[Clip, ...]:
        """The clips of one split, in table order.

        Raises:
            UserError: if the split has no clip.
        """
        if name not in SPLITS:
            raise UserError(f"unknown split {name!r}; valid: {', '.join(SPLITS)}")
        chosen = tuple(clip for clip in self.clips if clip.split == name)
        if not chosen:
            raise UserError(f"the {name} split of {self.dataset} at {self.root} is empty: no clip has split={name!r}")
        return chosen

    def path(self, clip: Clip) -> Path:
        """Absolute path of the clip's video file."""
        return self.root / clip.video

    def fingerprint(self) -> str:
        """SHA-256 over the classes and all rows (16 hex digits): changes when anything a result depends on changes."""
        digest = hashlib.sha256("\n".join(self.classes).encode())
        digest.update(_csv_text(self.clips).encode())
        return digest.hexdigest()[:16]


def check_clips(clips: Sequence[Clip], classes: Sequence[str], where: str, test_shares_subjects: bool = False) -> None:
    """Refuses a table that would train or score the wrong thing; the first fault is named with its clip."""
    split_of_subject: dict[str, str] = {}
    seen: set[str] = set()
    for clip in clips:
        row = f"clip {clip.clip_id!r} of {where}"
        if clip.clip_id in seen:
            raise UserError(f"{row} stands in the table twice; clip ids must be unique")
        seen.add(clip.clip_id)
        if not 0 <= clip.label < len(classes):
            raise UserError(f"{row} has label {clip.label}, expected 0..{len(classes) - 1} ({len(classes)} classes)")
        if not 0 <= clip.start_frame < (clip.end_frame or clip.start_frame + 1):
            raise UserError(
                f"{row} has frames [{clip.start_frame}, {clip.end_frame}), expected 0 <= start < end, or end 0 for the "
                "end of the video"
            )
        if clip.split not in SPLITS:
            raise UserError(f"{row} has split {clip.split!r}, expected one of {', '.join(SPLITS)}")
        normal = os.path.normpath(clip.video)
        if Path(normal).is_absolute() or normal.startswith(".."):
            raise UserError(f"{row} names the video {clip.video!r}, which lies outside the data set's root")
        if test_shares_subjects and clip.split == "test":
            continue
        if split_of_subject.setdefault(clip.subject, clip.split) != clip.split:
            raise UserError(
                f"subject {clip.subject!r} of {where} stands in the splits {split_of_subject[clip.subject]} and "
                f"{clip.split} (clip {clip.clip_id!r}); splits must not share a subject"
            )


def _csv_text(clips: Iterable[Clip]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(clip, column) for column in COLUMNS] for clip in clips)
    return text.getvalue()


def write_clips(path: Path, clips: Iterable[Clip]) -> None:
    """Writes the rows as CSV, whole or not at all."""
    write_whole(path, _csv_text(clips))


def write_named_clips(path: Path, clips: Iterable[Clip], classes: Sequence[str]) -> None:
    """As :func:`write_clips`, with the classes' names for labels."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for clip in clips:
        values = {column: getattr(clip, column) for column in COLUMNS}
        writer.writerow({**values, "label": classes[clip.label]}.values())
    write_whole(path, text.getvalue())


def read_clips(path: Path, classes: Sequence[str] = ()) -> tuple[Clip, ...]:
    """Reads a clip table's CSV (columns in any order; more columns are ignored, and so are blank lines).

    Args:
        path: the file.
        classes: names that may stand for the label's number.

    Raises:
        UserError: if the file is missing or not UTF-8, a column is missing, or a value is not of its type.
    """
    id_of = {name: index for index, name in enumerate(classes)}
    return tuple(_clip(row, id_of, path, line) for line, row in read_table(path, COLUMNS))


def read_label_names(path: Path, names: Path) -> tuple[str, ...]:
    """The labels of a clip table that has names for labels, each once, in alphabetical order.

    Raises:
        UserError: as :func:`read_clips`, and for labels that are numbers, whose names the file ``names`` would have.
    """
    labels = sorted({row["label"] for _, row in read_table(path, COLUMNS)})
    if all(label.isdecimal() for label in labels):
        raise UserError(
            f"the labels in {path} are numbers, and no file gives the classes' names; expected {names}, a name a line "
            "in the order of the labels"
        )
    return tuple(labels)


def _clip(row: dict[str, str], id_of: Mapping[str, int], path: Path, line: int) -> Clip:
    try:
        label = row["label"]
        return Clip(
            clip_id=row["clip_id"],
            video=row["video"],
            start_frame=int(row["start_frame"]),
            end_frame=int(row["end_frame"]),
            label=id_of[label] if label in id_of else _number(label),
            subject=row["subject"],
            split=row["split"],
            fps=float(row["fps"]),
        )
    except ValueError as error:
        raise UserError(f"{path}, line {line}: {error}") from None


def _number(label: str) -> int:
    if not label.isdecimal():
        raise ValueError(f"label {label!r} is neither a number nor the name of a class")
    return int(label)


PER_SEGMENT = 2


def cached_frames(start_frame: int, end_frame: int, num_frames: int) -> list[int]:
    """Numbers of the ``num_frames * PER_SEGMENT`` frames to keep of ``[start_frame, end_frame)``, ascending.

    A clip shorter than that repeats frames.
    """
    count = num_frames * PER_SEGMENT
    length = end_frame - start_frame
    return [start_frame + (2 * index + 1) * length // (2 * count) for index in range(count)]


def evaluated_frames(start_frame: int, end_frame: int, num_frames: int) -> list[int]:
    """Those of them that a recognizer sees when it is evaluated: the last of each segment."""
    return cached_frames(start_frame, end_frame, num_frames)[PER_SEGMENT - 1 :: PER_SEGMENT]
