"""`fgsgl data index`: writes the clip table of videos that are sorted into a folder for each class."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fgsgl.data.clip_table import SPLITS, Clip, Progress, Split, write_clips
from fgsgl.data.labels import names_in
from fgsgl.data.subject_split import VAL_SHARE, move_subjects
from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.frame_folder import holds_pictures
from fgsgl.data.video.video_file import probe
from fgsgl.util.errors import UserError
from fgsgl.util.processes import spread

TEST_SHARE = 0.25
"""Least share of all clips that is drawn as the test split where the folder has none."""
_Job = tuple[Path, str]
"""The folder, and a file below it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderIndex:
    """The table that was written, and what did not get into it."""

    clips: list[Clip]
    classes: list[str]
    left_out: list[str]
    """A line for each file or folder that is no clip, and why."""


def index(folder: Path, table: Path, seed: int, *, workers: int = 1, progress: Progress | None = None) -> FolderIndex:
    """Writes the table of ``<class>/<video>`` or ``<split>/<class>/<video>``.

    Every file there is a clip if its first frame can be decoded, whatever its name ends in, and so is a folder of
    pictures. Its subject is the file
    name up to the first underscore. Splits without a folder are cut by subject, drawn by the seed.

    Args:
        folder: of the videos.
        table: the file to write, in that folder.
        seed: draws splits.
        workers: processes.
        progress: called with (files opened, files in all).

    Raises:
        UserError: for a table that exists or lies outside the folder, a folder without videos, too few subjects, or a
            folder whose name cannot be a class's.
    """
    if table.exists():
        raise UserError(f"{table} exists already, and may have been corrected; remove it, or give another --out")
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; expected that of the videos, with a folder for each class")
    if table.resolve().parent != folder.resolve():
        raise UserError(f"{table} must lie in {folder}, the folder of the videos")
    given = [split for split in SPLITS if (folder / split).is_dir()]
    names, left_out = _candidates(folder, ("train", "val", "test") if given else ())
    jobs, found = [(folder, name) for name in names], []
    chunk = max(1, min(8, len(jobs) // (4 * workers)))
    faults = spread("opening files", _fault, jobs, workers, chunk)
    for done, (name, fault) in enumerate(zip(names, faults, strict=True), start=1):
        if fault:
            left_out.append(fault)
        else:
            found.append(name)
        if progress is not None:
            progress(done, len(names))
    if not found:
        raise UserError(
            f"no video in {folder}: expected <class>/<video>, or train, val and test with such folders"
            + (f"; {left_out[0]}" if left_out else "")
        )
    classes = sorted({Path(name).parent.name for name in found})
    if refused := names_in(classes)[1]:
        label, why = next(iter(refused.items()))
        raise UserError(f"the folder {label!r} cannot name a class: {why}; rename it ({len(refused)} such folder(s))")
    clips = [_clip(name, classes, bool(given)) for name in found]
    if "test" not in given:
        clips = move_subjects(clips, "test", TEST_SHARE, seed)
    if "val" not in given:
        clips = move_subjects(clips, "val", VAL_SHARE, seed)
    write_clips(table, clips, classes)
    for name in sorted({Path(name).parent.name for name in names} - set(classes)):
        left_out.insert(0, f"{name}: no class, since none of its files is a video")
    return FolderIndex(clips=clips, classes=classes, left_out=left_out)


def _candidates(folder: Path, splits: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Files at the depth of a video, by their paths below the folder; and a line for each other file."""
    depth = 3 if splits else 2
    expected = "<split>/<class>/<video>" if splits else "<class>/<video>"
    names, left_out = [], []
    for path in _walk(folder, depth):
        parts = path.relative_to(folder).parts
        name = "/".join(parts)
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
            left_out.append(f"{name!r}: its name holds control characters, or is not UTF-8")
        elif any(part.startswith(".") for part in parts):
            left_out.append(f"{name}: hidden, since its name begins with a dot")
        elif splits and len(parts) > 1 and parts[0] not in splits:
            left_out.append(f"{name}: outside {', '.join(splits)}")
        elif len(parts) != depth or (path.is_dir() and not holds_pictures(path)):
            left_out.append(f"{name}: not at {expected}")
        else:
            names.append(name)
    return names, left_out


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Files below a folder, and folders that lie deeper than any video; links to folders are followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and depth > 1 and not path.name.startswith("."):
            yield from _walk(path, depth - 1)
        else:
            yield path


def _fault(job: _Job) -> str:
    """Why a file is no clip; empty for a video."""
    folder, name = job
    try:
        probe(folder / name)
    except BadVideo as error:
        return f"{name}: {error}"
    return ""


def _clip(name: str, classes: list[str], has_splits: bool) -> Clip:
    path = Path(name)
    split: Split = next((split for split in SPLITS if has_splits and split == path.parts[0]), "train")
    return Clip(
        clip_id=name, video=name, start_frame=0, end_frame=0, label=classes.index(path.parent.name),
        subject=path.stem.partition("_")[0], split=split, fps=0.0,
    )  # fmt: skip
