"""The clip table: one typed row a clip, the only form in which any data set reaches the rest of the suite.

The end of the module says which frames of a clip are kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from fgsgl.data.clip_faults import clip_faults
from fgsgl.data.faults import Fault, FaultyData, collected
from fgsgl.data.labels import label_of, mixed
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import no_formula
from fgsgl.util.files import csv_text, read_table, write_whole

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
    """Path of the video file, relative to the table's folder of videos."""
    start_frame: int
    end_frame: int
    label: int | None
    """0-based class id; None where it is hidden, which only clips of the test split may be."""
    subject: str
    """The person filmed; no subject may stand in two splits."""
    split: Split
    fps: float
    """0 where it is not known."""


COLUMNS = tuple(column.name for column in fields(Clip))


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """Clips of a release that its table leaves out on purpose."""

    why: str
    """Follows their number: ``of recordings that ...``."""
    train: int
    """Those of training and validation."""
    test: int


def left_out(why: str, clips: Sequence[Clip]) -> tuple[LeftOut, ...]:
    """Clips that are left out for one reason; nothing where there are none."""
    n_test = sum(clip.split == "test" for clip in clips)
    return (LeftOut(why=why, train=len(clips) - n_test, test=n_test),) if clips else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipTable:
    """All clips of a data set, checked on construction.

    Raises:
        FaultyData: for what :func:`clip_faults` finds.
    """

    dataset: str
    root: Path
    classes: tuple[str, ...]
    clips: tuple[Clip, ...]
    test_shares_subjects: bool = False
    """Whether the official split tests on people who are trained on; training and validation never share people."""
    caveats: tuple[str, ...] = ()
    """Sentences that belong under every board of these clips."""
    notes: tuple[str, ...] = ()
    """Lines for whoever loads the data: which layout was recognised, and what was passed over."""
    left_out: tuple[LeftOut, ...] = ()
    """Clips of the release that are left out, for whoever counts."""
    videos: Path | None = None
    """Folder that the paths of the videos start from; None: the root."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every video by its path in the table, ``""`` for one that cannot be read; empty: not looked at."""
    generated: Mapping[str, str] | None = None
    """Of a generated data set: the SHA-256 of its files as they were made, as far as known; None for any other."""
    release: str = ""
    """Name and version of a generated data set, whose rows may be those of another version; ``""`` for any other."""
    name: str = field(default="", compare=False)
    """Name of the user's own table, for the title of its boards."""
    layout: str | None = None
    """Name of the layout of the clips' skeletons, where tables of one data set may have several."""
    has_videos: bool = True
    """Whether clips are of videos; else each has skeletons alone, whose file stands in the video's place."""
    whole_fingerprint: str = ""
    """Of a table whose clips a regime has reduced (:mod:`fgsgl.data.regime`): the fingerprint of the whole one."""
    parts: tuple[ClipTable, ...] = field(default=(), compare=False, repr=False)
    """Of a joined table (:mod:`fgsgl.data.joined_table`): the one that is trained on, and the one that is tested on."""
    own_clips: Mapping[str, Clip] = field(default_factory=dict, compare=False, repr=False)
    """Of a joined table: each clip as it stands in its part, by its id here."""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict, compare=False, repr=False)
    """File and line of each clip that was read from a row, by its id."""

    @property
    def where(self) -> str:
        """``smg at /data/smg``, for messages."""
        return f"{self.dataset} at {self.root}"

    def __post_init__(self) -> None:
        classes = max(self.classes, self.trained_classes, key=len)  # the parts of a joined table were checked alone
        found = clip_faults(self.clips, classes, self.test_shares_subjects)
        if found:
            faults = [Fault(what=f"{what} (in {self.where})") for what in found.values()]
            sound = tuple(clip for index, clip in enumerate(self.clips) if index not in found)
            raise FaultyData(faults, replace(self, clips=sound))

    def split(self, name: Split) -> tuple[Clip, ...]:
        """The clips of one split, in table order.

        Raises:
            UserError: for an unknown split, or one without clips.
        """
        if name not in SPLITS:
            raise UserError(f"unknown split {name!r}; valid: {', '.join(SPLITS)}")
        chosen = tuple(clip for clip in self.clips if clip.split == name)
        if not chosen:
            raise UserError(f"the {name} split of {self.where} is empty: no clip has split={name!r}")
        return chosen

    @property
    def trained_classes(self) -> tuple[str, ...]:
        """Names of the classes that training and validation clips are labelled with; those of a joined table may be
        others than its test clips'."""
        return self.parts[0].classes if self.parts else self.classes

    @property
    def tests_other_classes(self) -> bool:
        """Whether test clips are labelled with other classes than are trained on."""
        return self.trained_classes != self.classes

    @property
    def video_folder(self) -> Path:
        """The folder that the paths of the videos start from."""
        return self.root if self.videos is None else self.videos

    def path(self, clip: Clip) -> Path:
        """Absolute path of the clip's video file."""
        return self.video_folder / clip.video

    def is_as_made(self, name: str, sha256: str) -> bool:
        """Whether a file is as the generator of the data set made it, so that the table says all about it."""
        return self.generated is not None and self.generated.get(name, sha256) == sha256

    def fingerprint(self) -> str:
        """SHA-256 over the classes, all rows and the contents of the videos (16 hex digits): changes when anything a
        result depends on changes.

        The rows of a generated data set say all about its videos, as long as these are as they were made. A table that
        a regime has reduced keeps the fingerprint of the whole one.
        """
        if self.whole_fingerprint:
            return self.whole_fingerprint
        digest = hashlib.sha256("\n".join(self.classes).encode())
        digest.update(self.release.encode())
        digest.update(csv_text([COLUMNS, *map(_values, self.clips)]).encode())
        for video, sha256 in sorted(self.contents.items()):
            if not self.is_as_made(video, sha256):
                digest.update(f"{video} {sha256}\n".encode())
        return digest.hexdigest()[:16]


def labels_of(clips: Iterable[Clip]) -> list[int]:
    """The labels of clips.

    Raises:
        UserError: for a clip whose label is hidden, which cannot be trained on or scored.
    """
    labels = []
    for clip in clips:
        if clip.label is None:
            raise UserError(f"the label of clip {clip.clip_id!r} is hidden, so it can neither be trained on nor scored")
        labels.append(clip.label)
    return labels


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A clip and the place that it was read from."""

    file: Path
    line: int
    clip: Clip


def table_of(
    rows: Sequence[Row],
    faults: Sequence[Fault],
    split: Callable[[Sequence[Clip]], Sequence[Clip]] = lambda clips: clips,
    **table: Any,
) -> ClipTable:
    """The clip table of rows.

    Args:
        rows: the rows that could be read.
        faults: those of the others.
        split: gives the clips their splits, in the same order.
        table: the other arguments of :class:`ClipTable`.

    Raises:
        FaultyData: with all faults, those of the clips among them, by file and line; and with the table of the rest.
    """
    found = list(faults)
    clips: Sequence[Clip] = [row.clip for row in rows]
    with collected(found, table["root"]):
        clips = split(clips)
    places: dict[str, tuple[str, int]] = {}
    for row in rows:  # of a clip that stands twice the first is kept, and the second is the fault
        places.setdefault(row.clip.clip_id, (str(row.file), row.line))
    try:
        sound = ClipTable(clips=tuple(clips), places=places, **table)
    except FaultyData as error:
        assert error.sound is not None
        sound = error.sound
        wrong = clip_faults(clips, sound.classes, sound.test_shares_subjects)
        found += [Fault(file=str(rows[index].file), line=rows[index].line, what=what) for index, what in wrong.items()]
    if found:
        order = {fault.file: place for place, fault in reversed(list(enumerate(found)))}
        raise FaultyData(sorted(found, key=lambda fault: (order[fault.file], fault.line)), sound)
    return sound


def _values(clip: Clip) -> list[object]:
    return [getattr(clip, column) for column in COLUMNS]


def write_clips(path: Path, clips: Iterable[Clip], classes: Sequence[str] = ()) -> None:
    """Writes the rows as CSV, whole or not at all; a hidden label is blank.

    A text that a spreadsheet would run as a formula is led by an apostrophe, which :func:`read_clips` takes away.

    Args:
        path: the file.
        clips: the rows.
        classes: names that stand for the labels' numbers.
    """
    rows = []
    for clip in clips:
        values = _values(clip)
        if classes and clip.label is not None:
            values[COLUMNS.index("label")] = classes[clip.label]
        rows.append([no_formula(value) if isinstance(value, str) else value for value in values])
    write_whole(path, csv_text([COLUMNS, *rows]))


def read_clips(path: Path, classes: Sequence[str] = ()) -> tuple[Clip, ...]:
    """Reads a clip table's CSV; columns stand in any order, and other columns and blank lines are ignored.

    Numbers are digits 0-9 alone; ``fps`` may have a decimal point. A blank label, or -1, is a hidden one.

    Args:
        path: the file.
        classes: names that may stand for the label's number.

    Raises:
        UserError: if the file is missing or not UTF-8, or a column is missing or stands there twice.
        FaultyData: if a row cannot be read.
    """
    faults: list[Fault] = []
    rows = rows_of_clips(path, read_cells(path, faults), classes, faults)
    if faults:
        raise FaultyData(faults)
    return tuple(row.clip for row in rows)


def read_cells(
    path: Path,
    faults: list[Fault],
    columns: Sequence[str] = COLUMNS,
    *,
    optional: Sequence[str] = (),
    delimiters: str = ",",
) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and cells of a clip table's CSV; ``faults`` gets the rows that are not of the header's length.

    Raises:
        UserError: as :func:`read_clips`.
    """
    return read_table(
        path, columns, lambda line, what: faults.append(Fault(file=str(path), line=line, what=what)),
        optional=optional, delimiters=delimiters,
    )  # fmt: skip


def rows_of_clips(
    path: Path,
    cells: Sequence[tuple[int, Mapping[str, str]]],
    classes: Sequence[str],
    faults: list[Fault],
    refused: Mapping[str, str] | None = None,
) -> list[Row]:
    """The rows of :func:`read_cells` that can be understood.

    Args:
        path: the file that they were read from.
        cells: line numbers and cells.
        classes: names that may stand for the label's number.
        faults: gets those of the other rows.
        refused: labels that are none, each with the reason.
    """
    id_of = {name: index for index, name in enumerate(classes)}
    odd = mixed((row["label"] for _, row in cells), id_of)
    rows = []
    for line, row in cells:
        with collected(faults, path, line):
            if why := (refused or {}).get(row["label"]):
                raise UserError(why)
            if row["label"] in odd:
                raise UserError(f"label {row['label']!r}: labels are numbers in some rows and names in others; use one")
            rows.append(Row(file=path, line=line, clip=_clip(row, id_of)))
    return rows


def _clip(row: Mapping[str, str], id_of: Mapping[str, int]) -> Clip:
    return Clip(
        clip_id=row["clip_id"],
        video=row["video"],
        start_frame=_frame(row, "start_frame"),
        end_frame=_frame(row, "end_frame"),
        label=label_of(row["label"], id_of),
        subject=row["subject"],
        split=cast(Split, row["split"]),  # checked with the table
        fps=_fps(row["fps"]),
    )


def _frame(row: Mapping[str, str], column: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", row[column]):
        raise UserError(f"{column} is {row[column]!r}, expected a frame's number in digits 0-9, without sign or point")
    return int(row[column])


def _fps(cell: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,20})?", cell):
        raise UserError(f"fps is {cell!r}, expected a number such as 25 or 29.97, or 0 where it is not known")
    return float(cell)


PER_SEGMENT = 2
"""Frames kept of each segment, of which training draws one."""


def cached_frames(start_frame: int, end_frame: int, num_frames: int) -> list[int]:
    """Numbers of the ``num_frames * PER_SEGMENT`` frames to keep of ``[start_frame, end_frame)``, ascending.

    A clip shorter than that repeats frames.
    """
    count = num_frames * PER_SEGMENT
    length = end_frame - start_frame
    return [start_frame + (2 * index + 1) * length // (2 * count) for index in range(count)]


def evaluated_frames(start_frame: int, end_frame: int, num_frames: int) -> list[int]:
    """Numbers of the ``num_frames`` frames that a recognizer sees in evaluation: the last of each segment."""
    return cached_frames(start_frame, end_frame, num_frames)[PER_SEGMENT - 1 :: PER_SEGMENT]
