"""`fgsgl data index`: writes the clip table of videos that are sorted into a folder for each class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fgsgl.data.clip_table import SPLITS, Clip, Split, write_clips
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.util.errors import UserError

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
TEST_SHARE = 0.25
"""Least share of all clips that is drawn as the test split where the folder has none."""


def index(folder: Path, table: Path, seed: int) -> tuple[list[Clip], list[str]]:
    """Writes the table of ``<class>/<video>`` or ``<split>/<class>/<video>`` and returns its clips and class names.

    A clip is a whole file; its subject is the file name up to the first underscore. Splits without a folder are cut by
    subject, drawn by the seed.

    Raises:
        UserError: for a table that exists or lies outside the folder, a folder without videos, or too few subjects.
    """
    if table.exists():
        raise UserError(f"{table} exists already, and may have been corrected; remove it, or give another --out")
    if not folder.is_dir() or table.resolve().parent != folder.resolve():
        raise UserError(f"{table} must lie in {folder}, which must be the folder of the videos")
    given = [split for split in SPLITS if (folder / split).is_dir()]
    if given:
        found = [clip for split in given for clip in _clips(folder, folder / split, split)]
    else:
        found = list(_clips(folder, folder, "train"))
    if not found:
        raise UserError(f"no video in {folder}: expected <class>/<video>, or train, val and test with such folders")
    names = sorted({name for _, name in found})
    clips = [replace(clip, label=names.index(name)) for clip, name in found]
    if "test" not in given:
        clips = move_subjects(clips, "test", TEST_SHARE, seed)
    if "val" not in given:
        clips = move_subjects(clips, "val", VAL_SHARE, seed)
    write_clips(table, clips, names)
    return clips, names


def _clips(root: Path, folder: Path, split: Split) -> Iterator[tuple[Clip, str]]:
    """The clips of one split, which lie in ``<folder>/<class>/``, each with its class name."""
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() not in SUFFIXES or path.parent.name.startswith("."):
            continue
        video = path.relative_to(root).as_posix()
        clip = Clip(
            clip_id=video, video=video, start_frame=0, end_frame=0, label=0, subject=path.stem.partition("_")[0],
            split=split, fps=0.0,
        )  # fmt: skip
        yield clip, path.parent.name
