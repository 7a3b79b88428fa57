"""MA-52 (Guo et al. 2024, TCSVT): 52 micro-actions in 7 body parts; `--root` is the folder of the copy.

The release's training and validation clips show the same 186 people, and the labels of its test clips are hidden. So
there are two protocols: ``subjects`` (the default) cuts test and validation out of all labelled clips by subject, drawn
by the seed; ``official`` tests on the release's validation clips, whose people are trained on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress, Row, left_out, table_of
from fgsgl.data.datasets._release import class_id, csv_archive, read_list
from fgsgl.data.datasets._tree import SETTINGS_FILE, Copy, counted, open_copy
from fgsgl.data.datasets.base import Challenge, Counts, DataSet, Form
from fgsgl.data.faults import Fault, collected
from fgsgl.data.hidden_test import Unlabelled, hides_its_test, with_labels
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import numpy as np

SHARED = "MA-52, protocol official: the people of the test split are trained on; the protocol subjects avoids it."
VAL_HIDDEN = "MA-52: the validation list of this copy hides its labels, so its clips are left out."
TEST_SHARE = 0.25
"""Share of the labelled clips that the preset ``subjects`` tests on."""
LIST = "{}_list_videos.txt"
BODY_PARTS = ("body", "head", "upper limb", "lower limb", "body-hand", "head-hand", "leg-hand")
LAST_OF_PART = (4, 10, 23, 31, 37, 47, 51)
"""The largest class id of each body part."""
PART_OF_CLASS = tuple(bisect_left(LAST_OF_PART, label) for label in range(LAST_OF_PART[-1] + 1))
"""The index in :data:`BODY_PARTS` of every class's body part."""


def official_counts(root: Path, preset: str) -> Counts:
    """Published counts of the labelled clips."""
    if preset == "official":
        return {"subjects": 186, "train": 11250, "test": 5586}
    return {"subjects": 186, "clips": 16836}


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table of a preset; the seed draws the splits that the preset cuts by subject.

    Raises:
        UserError: for a folder without the lists, a missing file, or a row that does not fit.
    """
    copy = open_copy(root)
    classes = fgtext.load("ma52").class_names
    shared = preset == "official"
    faults: list[Fault] = []
    found: list[Unlabelled] = []
    for part in ("train", "val"):
        with collected(faults):
            found.extend(_listed(copy, part, faults))

    rows, _ = with_labels(found, lambda raw: class_id(raw, 0, len(classes)), faults)
    caveats = [SHARED] if shared else []
    hidden_clips: list[Clip] = []
    if not shared and hides_its_test(rows):
        caveats.append(VAL_HIDDEN)
        hidden_clips = [row.clip for row in rows if row.clip.label is None]
        rows = [row for row in rows if row.clip.label is not None]

    def split(clips: Sequence[Clip]) -> list[Clip]:
        if not shared:
            clips = move_subjects([replace(clip, split="train") for clip in clips], "test", TEST_SHARE, seed)
        return move_subjects(clips, "val", VAL_SHARE, seed + 1)

    return table_of(
        rows, faults, split, dataset="ma52", root=root, videos=copy.folders["videos"], classes=classes,
        test_shares_subjects=shared, caveats=tuple(caveats), notes=_notes(copy, rows),
        left_out=left_out("of the validation list, which hides its labels", hidden_clips),
    )  # fmt: skip


def _notes(copy: Copy, rows: Sequence[Row]) -> tuple[str, ...]:
    folders = sorted({row.clip.video.rpartition("/")[0] or "." for row in rows})
    return (f"recognised: MA-52, lists of {len(rows)} labelled clips; videos in {counted(folders)}",)


def _list(copy: Copy, split: str) -> Path:
    """The release's list of a split.

    Raises:
        UserError: where there is none, or several.
    """
    name = LIST.format(split)
    found = [file for file, _ in copy.named("labels", re.escape(name))]
    if len(found) != 1:
        what = f"found {counted(found)}" if found else "half an extraction?"
        raise UserError(
            f"no MA-52 at {copy.folders['labels']}: expected one {name} at any depth, {what}; if the lists lie "
            f"elsewhere, name their folder in {SETTINGS_FILE} (labels: FOLDER)"
        )
    return copy.path("labels", found[0])


def _listed(copy: Copy, split: str, faults: list[Fault]) -> Iterator[Unlabelled]:
    """The clips of one of the release's lists; what it calls ``val`` is labelled, and becomes the test split."""
    table = _list(copy, split)
    for line, name, raw in read_list(table):
        with collected(faults, table, line):
            stem = PurePosixPath(name.replace("\\", "/")).stem
            subject = stem.partition("_")[0]
            if not re.fullmatch("[0-9]+", subject):
                raise UserError(f"{name!r}, expected a name that starts with the subject, such as 0003_01_0001.mp4")
            clip = Clip(
                clip_id=f"{split}_{stem}",
                video=copy.listed_video(name, split),
                start_frame=0,
                end_frame=0,
                label=None,
                subject=subject,
                split="test" if split == "val" else "train",
                fps=0.0,
            )
            yield Row(file=table, line=line, clip=clip), raw


def hidden(root: Path) -> ClipTable:
    """The clips of the release's test list, in its order and under its names; it hides labels and subjects.

    Raises:
        UserError: as :func:`load`.
    """
    return _hidden(root, "test")


def hidden_val(root: Path) -> ClipTable:
    """The clips of a validation list that hides its labels, as in the challenge's first phase.

    Raises:
        UserError: as :func:`load`; or where it has labels, with which a cell of the preset ``subjects`` was trained.
    """
    if len({raw for _, _, raw in read_list(_list(open_copy(root), "val"))}) > 1:
        raise UserError(
            f"the validation list at {root} has labels, and cells of the preset subjects train on some of its clips; "
            "submit a cell of --preset official, which does not"
        )
    return _hidden(root, "val")


def _hidden(root: Path, split: str) -> ClipTable:
    copy, faults, rows = open_copy(root), list[Fault](), list[Row]()
    table = _list(copy, split)
    for line, name, _ in read_list(table):
        with collected(faults, table, line):
            clip = Clip(
                clip_id=name, video=copy.listed_video(name, split), start_frame=0, end_frame=0, label=None,
                subject="hidden", split="test", fps=0.0,
            )  # fmt: skip
            rows.append(Row(file=table, line=line, clip=clip))
    return table_of(
        rows, faults, dataset=f"ma52 {split} list", root=root, videos=copy.folders["videos"],
        classes=fgtext.load("ma52").class_names,
    )  # fmt: skip


def submission(clip_ids: Sequence[str], scores_NC: np.ndarray) -> bytes:
    """The challenge's archive: for each clip the five best actions, and the body part of each of them.

    A body part may stand there several times. Equal scores rank by id, the lower first.
    """
    import numpy as np

    actions_N5 = np.argsort(-scores_NC, axis=1, kind="stable")[:, :5]
    parts_N5 = np.array(PART_OF_CLASS)[actions_N5]
    header = ("vid", *(f"{level}_pred_{rank}" for level in ("action", "body") for rank in range(1, 6)))
    rows = ((name, *actions_N5[n], *parts_N5[n]) for n, name in enumerate(clip_ids))
    return csv_archive("prediction.csv", (header, *rows))


def submission_of_val(clip_ids: Sequence[str], scores_NC: np.ndarray) -> bytes:
    """The archive of the challenge's first phase: the validation list, under the names of its files."""
    names = [clip_id if clip_id.endswith(".mp4") else f"{clip_id.removeprefix('val_')}.mp4" for clip_id in clip_ids]
    return submission(names, scores_NC)


DATASET = DataSet(
    name="ma52",
    presets={
        "subjects": {"epochs": 20, "size": "standard"},
        "official": {"epochs": 20, "size": "standard"},
    },
    load=load,
    text=lambda root: "ma52",
    official_counts=official_counts,
    groups=PART_OF_CLASS,
    challenge=Challenge(
        forms={
            "test": Form(
                file="prediction.zip",
                n_clips=(5586, 1138),
                content=submission,
                hidden=hidden,
                hidden_in=("subjects", "official"),
            ),
            "val": Form(
                file="prediction.zip",
                n_clips=(5586,),
                content=submission_of_val,
                hidden=hidden_val,
                hidden_in=("subjects",),
            ),
        },
    ),
)
