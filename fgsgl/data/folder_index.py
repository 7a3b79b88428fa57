"""`fgsgl data index`: the clip table of a folder with one folder a class, to be read, corrected and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fgsgl.data.clip_table import SPLITS, Clip, write_named_clips
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.util.errors import UserError

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
TEST_SHARE = 0.25
"""Of all clips, where the folder has no test split."""


def index(folder: Path, table: Path, seed: int) -> tuple[list[Clip], list[str]]:
    """Writes the table of ``<class>/<video>`` or ``<split>/<class>/<video>`` and returns its clips and class names.

    A clip is a whole file; its subject is the file name up to the first underscore. Splits that are not
    given as folders are cut by subject, drawn by the seed.

    Raises:
        UserError: for a table that exists or lies outside the folder, a folder without videos, or too few subjects.
    """
    if table.exists():
        raise UserError(f"{table} exists already, and may have been corrected; remove it, or give another --out")
    if not folder.is_dir() or table.resolve().parent != folder.resolve():
        raise UserError(f"{table} must lie in {folder}, which must be the folder of the videos")
    given = [name for name in SPLITS if (folder / name).is_dir()]
    found = [clip for part in given or [""] for clip in _clips(folder, part)]
    if not found:
        raise UserError(f"no video in {folder}: expected <class>/<video>, or train, val and test with such folders")
    names = sorted({name for _, name in found})
    clips = [replace(clip, label=names.index(name)) for clip, name in found]
    for split, share in (("test", TEST_SHARE), ("val", VAL_SHARE)):
        if split not in given:
            clips = move_subjects(clips, split, share, seed)
    write_named_clips(table, clips, names)
    return clips, names


def _clips(folder: Path, part: str) -> Iterator[tuple[Clip, str]]:
    """The clips of a split's folder, or of the whole, each with its class name."""
    for path in sorted((folder / part).glob("*/*")):
        if path.suffix.lower() not in SUFFIXES or path.parent.name.startswith("."):
            continue
        video = path.relative_to(folder).as_posix()
        clip = Clip(
            clip_id=video, video=video, start_frame=0, end_frame=0, label=0, subject=path.stem.partition("_")[0],
            split=part or "train", fps=0.0,
        )  # fmt: skip
        yield clip, path.parent.name
