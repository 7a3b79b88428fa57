"""iMiGUE (Liu et al. 2021, CVPR): 32 classes, 72 people at press conferences; `--root` is the folder of the copy.

Three forms are known by what lies in the folder, at any depth: the full release (one table of labels), the MiGA
challenge's tree (a table a video), and clips cut out of it (a list a split). Only the full release names the subjects;
the others are split by video, so that one person may stand in two splits, and the table says so. MiGA's validation
folder holds training videos a second time and is passed over. Its test labels are hidden: see ``drawn-test``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress, left_out, table_of
from fgsgl.data.datasets._imigue_files import CUT, FULL, find_rows, form_of
from fgsgl.data.datasets._release import JointTable, csv_archive, read_joints, refuse_cut_clips
from fgsgl.data.datasets._tree import counted, open_copy
from fgsgl.data.datasets.base import Challenge, Counts, DataSet, Form, Skeletons
from fgsgl.data.faults import Fault
from fgsgl.data.hidden_test import DRAWN_TEST, drawn_test, lacks_test, without_test
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError
from fgsgl.util.files import csv_text

if TYPE_CHECKING:
    import numpy as np

OFFICIAL = "official"
UNUSABLE = (218, 319, 347, 348)
"""Recordings that the official kit leaves out."""
TWINS = ({6, 47}, {138, 439}, {221, 226})
"""Recordings that the release holds twice, under two numbers."""
SKELETON = JointTable(
    first_column=1, joints=35, values=3, wanted=(*range(8), *range(15, 19), *range(25, 35)), may_end_early=True
)
"""``_light_hand.csv``: an index, then OpenPose's BODY_25 and the five fingertips of the left and of the right hand,
each with its place in the image and a confidence. Hips and legs are left out, as the official kit does."""
BY_VIDEO = "iMiGUE: this layout does not name the subjects, so splits are by video and may share a person."


def official_counts(root: Path, preset: str) -> Counts:
    """Published counts of the full and of the MiGA release; none are known for cut clips."""
    form = form_of(open_copy(root))
    if form == CUT:
        return {}
    train, test = (13936, 4563) if form == FULL else (13670, 4562)
    if preset == DRAWN_TEST:
        return {"clips": train}
    return {"train": train, "test": test, **({"subjects": 72} if form == FULL else {})}


def preset_of(root: Path) -> str:
    """The preset for a copy: ``official``, or ``drawn-test`` where it has no test labels."""
    return DRAWN_TEST if lacks_test(find_rows(root, []).rows) else OFFICIAL


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table of a preset; the validation split is drawn by the seed.

    ``official``: the release's split, by subject (full release) or by video. ``drawn-test``: for copies without test
    labels, see :mod:`fgsgl.data.hidden_test`.

    Raises:
        UserError: for a folder of no known layout, a missing file, or a row that does not fit.
    """
    faults: list[Fault] = []
    found = find_rows(root, faults)
    caveats: list[str] = [] if found.form == FULL else [BY_VIDEO]
    rows = [row for row in found.rows if not _is_unusable(row.clip)]
    unusable = [row.clip for row in found.rows if _is_unusable(row.clip)]
    if unusable:
        names = sorted({Path(clip.video).stem for clip in unusable})
        caveats.append(
            f"iMiGUE: {len(unusable)} clips of recordings that the official kit calls unusable are left out "
            f"({counted(names)})."
        )
    if preset == DRAWN_TEST:
        rows, sentence = without_test(rows, "iMiGUE", "subjects" if found.form == FULL else "videos")
        caveats.append(sentence)
        unusable = [clip for clip in unusable if clip.split != "test"]

    def split(clips: Sequence[Clip]) -> Sequence[Clip]:
        if preset == DRAWN_TEST:
            clips = drawn_test(clips, seed)
        return move_subjects(clips, "val", VAL_SHARE, seed)

    return table_of(
        rows, faults, split, dataset="imigue", root=root, videos=found.copy.folders["videos"],
        classes=fgtext.load("imigue").class_names, caveats=tuple(caveats), notes=found.notes,
        left_out=left_out("of recordings that the official kit calls unusable", unusable),
    )  # fmt: skip


def _is_unusable(clip: Clip) -> bool:
    """Whether a clip is left out; of hidden test clips, a submission needs every one."""
    return recording_of(clip) in UNUSABLE and clip.label is not None


def known_twins(clips: Sequence[Clip]) -> bool:
    """Whether clips are of two recordings that are known to be one."""
    return {recording_of(clip) for clip in clips} in TWINS


def recording_of(clip: Clip) -> int:
    """The number of the recording that a clip is of."""
    found = re.match(r"[0-9]+", Path(clip.video).stem)
    assert found is not None, clip.video
    return int(found[0])


def skeleton_files(table: ClipTable, clips: Sequence[Clip]) -> list[Path]:
    """The file with the skeletons of each clip's recording.

    Raises:
        UserError: for a recording that has none, or several, or one in a form that is not read; or for cut clips.
    """
    copy, faults = open_copy(table.root), list[Fault]()
    refuse_cut_clips(table.root, clips)
    wanted = {recording_of(clip) for clip in clips}
    found = copy.found("skeletons", r"([0-9]{1,4})_light_hand\.csv", repeats_in_validation=True)
    files = copy.one_each({n: found[n] for n in sorted(wanted & set(found))}, "skeletons", faults, _name)
    if faults:
        raise UserError(str(faults[0]))
    if lacking := sorted(wanted - set(files)):
        sheets = copy.found("skeletons", r"([0-9]{1,4})(?:_[a-z0-9]+)*\.xlsx?")
        also = (
            f"; {sheets[lacking[0]][0]} is a workbook, which is not read: export the 35 joints of every frame as such "
            "a file" if lacking[0] in sheets else ""
        )  # fmt: skip
        raise UserError(
            f"no skeletons of {_name(lacking[0])} below {copy.folders['skeletons']}: expected {lacking[0]:04d}"
            f"_light_hand.csv at any depth ({len(lacking)} recording(s) have none){also}. If they lie elsewhere, name "
            "their folder in fgsgl.yaml (skeletons: FOLDER)"
        )
    return [copy.path("skeletons", files[recording_of(clip)]) for clip in clips]


def _name(number: int) -> str:
    return f"recording {number:04d}"


def read_skeleton(file: Path, clip: Clip) -> np.ndarray:
    """The clip's joints in the image and their confidence, ``joints_TJ3``; NaN after the last frame of the file."""
    return read_joints(file, clip.start_frame, clip.end_frame, SKELETON)


def hidden(root: Path) -> ClipTable:
    """The test clips of the challenge, their labels left aside where this copy has them.

    Raises:
        UserError: as :func:`load`.
    """
    faults: list[Fault] = []
    found = find_rows(root, faults)
    test = [replace(row, clip=replace(row.clip, label=None)) for row in found.rows if row.clip.split == "test"]
    return table_of(
        test, faults, dataset="imigue test clips", root=root, videos=found.copy.folders["videos"],
        classes=fgtext.load("imigue").class_names,
    )  # fmt: skip


def _answers(clip_ids: Sequence[str], scores_NC: np.ndarray) -> list[tuple[str, int]]:
    """Clip and class of each test clip, by video and index: which video, and which row of its label table from 0.

    Raises:
        UserError: for clips of another layout than the challenge's.
    """
    places: list[tuple[int, int]] = []
    for clip_id in clip_ids:
        found = re.fullmatch(r"([0-9]+)_([0-9]+)", clip_id)
        if not found:
            raise UserError(
                f"clip {clip_id!r} is not of the MiGA release, whose test clips the challenge expects (0004_0)"
            )
        places.append((int(found[1]), int(found[2])))
    answers_N = scores_NC.argmax(axis=1)
    return [(clip_ids[n], int(answers_N[n])) for n in sorted(range(len(places)), key=places.__getitem__)]


def submission(clip_ids: Sequence[str], scores_NC: np.ndarray) -> bytes:
    """The table of MiGA's challenge since 2025: header ``Id,Target``, then rows such as ``0054_0,30``."""
    return csv_text([("Id", "Target"), *_answers(clip_ids, scores_NC)]).encode()


def submission_2023(clip_ids: Sequence[str], scores_NC: np.ndarray) -> bytes:
    """The archive of MiGA's challenge in 2023: ``Submission.csv`` without a header."""
    return csv_archive("Submission.csv", _answers(clip_ids, scores_NC))


DATASET = DataSet(
    name="imigue",
    presets={name: {"epochs": 20, "size": "standard"} for name in (OFFICIAL, DRAWN_TEST)},
    preset_of=preset_of,
    load=load,
    text=lambda root: "imigue",
    official_counts=official_counts,
    known_twins=known_twins,
    skeletons=Skeletons(layout="openpose22", files=skeleton_files, read=read_skeleton),
    challenge=Challenge(
        forms={
            "csv": Form(
                file="submission.csv", n_clips=(4562,), content=submission, hidden=hidden, hidden_in=(DRAWN_TEST,)
            ),
            "2023": Form(
                file="Submission.zip", n_clips=(4562,), content=submission_2023, hidden=hidden, hidden_in=(DRAWN_TEST,)
            ),
        },
    ),
)
