"""MA-52 (Guo et al. 2024, TCSVT): 52 micro-actions in 7 body parts; `--root` is the folder of the copy.

The release's training and validation clips show the same 186 people, and the labels of its test clips are hidden. So
there are two protocols: ``subjects`` (the default) cuts test and validation out of all labelled clips by subject, drawn
by the seed; ``official`` tests on the release's validation clips, whose people are trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.datasets._release import (
    VAL_SHARE,
    class_id,
    csv_archive,
    move_subjects,
    placed,
    read_list,
    read_settings,
)
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import numpy as np

PRESETS = ("subjects", "official")
PROTOCOL = {"subjects": {"epochs": 20, "size": "standard"}, "official": {"epochs": 20, "size": "standard"}}
SHARED = "MA-52, protocol official: the people of the test split are trained on; the protocol subjects avoids it."
TEST_SHARE = 0.25
"""Of the labelled clips, under the protocol ``subjects``."""
SUBMISSION, SUBMISSION_CLIPS = "prediction.zip", 5586
SETTINGS = {"list_pattern": "{split}_list_videos.txt", "video_pattern": "{split}/{file}"}
BODY_PARTS = ("body", "head", "upper limb", "lower limb", "body-hand", "head-hand", "leg-hand")
LAST_OF_PART = (4, 10, 23, 31, 37, 47, 51)
"""The largest class id of each body part."""


def text(root: Path) -> str:
    """The shipped FG-Text."""
    return "ma52"


def root(base: Path, preset: str, seed: int) -> Path:
    """Its default place below the folder of all data."""
    return base / "ma52"


def official(root: Path, preset: str) -> dict[str, int]:
    """Published counts of the labelled clips."""
    return {"subjects": 186, **({"train": 11250, "test": 5586} if preset == "official" else {"clips": 16836})}


def load(
    root: Path, preset: str, seed: int, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> ClipTable:
    """The clip table of a protocol.

    Raises:
        UserError: for a folder without the lists, a missing file, or a row that does not fit.
    """
    settings = read_settings(root, SETTINGS)
    classes = fgtext.load("ma52").class_names
    clips = [clip for split in ("train", "val") for clip in _listed(root, settings, split, len(classes))]
    if preset == "subjects":
        clips = move_subjects([replace(clip, split="train") for clip in clips], "test", TEST_SHARE, seed)
    clips = move_subjects(clips, "val", VAL_SHARE, seed + 1)
    shared = preset == "official"
    caveats = (SHARED,) if shared else ()
    return ClipTable(
        dataset="ma52", root=root, classes=classes, clips=tuple(clips), test_shares_subjects=shared, caveats=caveats
    )


def _listed(root: Path, settings: dict[str, str], split: str, n_classes: int) -> Iterator[Clip]:
    """The clips of one of the release's lists; what it calls ``val`` is labelled, and becomes the test split."""
    table = root / placed(root, settings, "list_pattern", split=split)
    for line, name, raw in read_list(table):
        where = f"{table}, line {line}"
        subject = name.partition("_")[0]
        if not subject.isdecimal():
            raise UserError(
                f"{where}: {name!r}, expected a name that starts with the subject, such as 0003_01_0001.mp4"
            )
        yield Clip(
            clip_id=f"{split}_{Path(name).stem}",
            video=placed(root, settings, "video_pattern", split=split, file=name),
            start_frame=0,
            end_frame=0,
            label=class_id(raw, 0, n_classes, where),
            subject=subject,
            split="test" if split == "val" else "train",
            fps=0.0,
        )


def hidden(root: Path) -> ClipTable:
    """The clips of the release's test list, in its order and under its names; it hides labels (all 0) and subjects.

    Raises:
        UserError: as :func:`load`.
    """
    settings = read_settings(root, SETTINGS)
    table = root / placed(root, settings, "list_pattern", split="test")
    clips = tuple(
        Clip(
            clip_id=name, video=placed(root, settings, "video_pattern", split="test", file=name), start_frame=0,
            end_frame=0, label=0, subject="hidden", split="test", fps=0.0,
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

    part_C = np.array(groups())
    best_NP = np.stack([scores_NC[:, part_C == part].max(axis=1) for part in range(len(BODY_PARTS))], axis=1)
    actions_N5, parts_N5 = (np.argsort(-table, axis=1, kind="stable")[:, :5] for table in (scores_NC, best_NP))
    header = ("vid", *(f"{level}_pred_{rank}" for level in ("action", "body") for rank in range(1, 6)))
    rows = ((name, *actions_N5[n], *parts_N5[n]) for n, name in enumerate(clip_ids))
    return csv_archive("prediction.csv", (header, *rows))


def groups() -> list[int]:
    """The index in :data:`BODY_PARTS` of every class's body part."""
    return [part for part, last in enumerate(LAST_OF_PART) for _ in range(last - (-1, *LAST_OF_PART)[part])]
