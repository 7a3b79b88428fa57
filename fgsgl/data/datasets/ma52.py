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
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress, Row, table_of
from fgsgl.data.datasets._release import (
    class_id,
    csv_archive,
    file_of_setting,
    read_list,
    read_settings,
    whole_numbers,
)
from fgsgl.data.datasets.base import Challenge, Counts, DataSet
from fgsgl.data.faults import Fault, collected
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import numpy as np

SHARED = "MA-52, protocol official: the people of the test split are trained on; the protocol subjects avoids it."
TEST_SHARE = 0.25
"""Share of the labelled clips that the preset ``subjects`` tests on."""
SETTINGS = {"list_pattern": "{split}_list_videos.txt", "video_pattern": "{split}/{file}"}
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
    settings = read_settings(root, SETTINGS)
    classes = fgtext.load("ma52").class_names
    shared = preset == "official"
    faults: list[Fault] = []
    rows: list[Row] = []
    for part in ("train", "val"):
        with collected(faults):
            rows.extend(_listed(root, settings, part, len(classes), faults))

    def split(clips: Sequence[Clip]) -> list[Clip]:
        if not shared:
            clips = move_subjects([replace(clip, split="train") for clip in clips], "test", TEST_SHARE, seed)
        return move_subjects(clips, "val", VAL_SHARE, seed + 1)

    return table_of(
        rows, faults, split, dataset="ma52", root=root, classes=classes, test_shares_subjects=shared,
        caveats=(SHARED,) if shared else (),
    )  # fmt: skip


def _listed(root: Path, settings: dict[str, str], split: str, n_classes: int, faults: list[Fault]) -> Iterator[Row]:
    """The clips of one of the release's lists; what it calls ``val`` is labelled, and becomes the test split."""
    table = root / file_of_setting(root, settings, "list_pattern", split=split)
    for line, name, raw in read_list(table):
        with collected(faults, table, line):
            subject = name.partition("_")[0]
            if not re.fullmatch("[0-9]+", subject):
                raise UserError(f"{name!r}, expected a name that starts with the subject, such as 0003_01_0001.mp4")
            clip = Clip(
                clip_id=f"{split}_{Path(name).stem}",
                video=file_of_setting(root, settings, "video_pattern", split=split, file=name),
                start_frame=0,
                end_frame=0,
                label=class_id(whole_numbers([raw], 1)[0], 0, n_classes),
                subject=subject,
                split="test" if split == "val" else "train",
                fps=0.0,
            )
            yield Row(file=table, line=line, clip=clip)


def hidden(root: Path) -> ClipTable:
    """The clips of the release's test list, in its order and under its names; it hides labels and subjects.

    Raises:
        UserError: as :func:`load`.
    """
    settings = read_settings(root, SETTINGS)
    table = root / file_of_setting(root, settings, "list_pattern", split="test")
    clips = tuple(
        Clip(
            clip_id=name, video=file_of_setting(root, settings, "video_pattern", split="test", file=name),
            start_frame=0, end_frame=0, label=None, subject="hidden", split="test", fps=0.0,
        )
        for _, name, _ in read_list(table)
    )  # fmt: skip
    return ClipTable(dataset="ma52 test list", root=root, classes=fgtext.load("ma52").class_names, clips=clips)


def submission(clip_ids: Sequence[str], scores_NC: np.ndarray) -> bytes:
    """The challenge's archive: for each clip of the test list the five best actions and the five best body parts.

    A body part is as likely as its best action (ours), so that the first one is that of the first action, as in
    :func:`fgsgl.stats.metrics.grouped_metrics`. Equal scores rank by id, the lower first.
    """
    import numpy as np

    part_C = np.array(PART_OF_CLASS)
    best_NP = np.stack([scores_NC[:, part_C == part].max(axis=1) for part in range(len(BODY_PARTS))], axis=1)
    actions_N5, parts_N5 = (np.argsort(-table, axis=1, kind="stable")[:, :5] for table in (scores_NC, best_NP))
    header = ("vid", *(f"{level}_pred_{rank}" for level in ("action", "body") for rank in range(1, 6)))
    rows = ((name, *actions_N5[n], *parts_N5[n]) for n, name in enumerate(clip_ids))
    return csv_archive("prediction.csv", (header, *rows))


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
    challenge=Challenge(archive="prediction.zip", n_clips=5586, submission=submission, hidden=hidden),
)
