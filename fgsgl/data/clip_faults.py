"""Checks of the rows of a clip table: what would train on, or score, the wrong thing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.faults import Fault
from fgsgl.util.names import same_name, unprintable

if TYPE_CHECKING:
    from fgsgl.data.clip_table import Clip, ClipTable

SPLITS = ("train", "val", "test")
MAX_TEXT_BYTES = 1024
"""Longest clip id, path or subject."""
MAX_NAME_BYTES = 255
"""Longest name of a file or folder that a file system takes."""
MAX_FRAME = 10**9
"""Largest frame number."""
FPS_RANGE = (0.001, 1e6)
"""Frames a second that a video may have."""


def clip_faults(clips: Sequence[Clip], classes: Sequence[str], test_shares_subjects: bool = False) -> dict[int, str]:
    """What is wrong with clips: the index of each faulty one, and its first fault.

    A fault is a label outside the classes or a hidden one where others are known, an empty frame range, an unknown
    split, a repeated clip id, an empty or unprintable text, a path that leaves the root, or a subject in two splits.
    """
    faults: dict[int, str] = {}
    seen: set[str] = set()
    split_of: dict[str, Clip] = {}
    some_known = any(clip.label is not None for clip in clips if clip.split == "test")
    for index, clip in enumerate(clips):
        what = _text_fault(clip) or _value_fault(clip, len(classes))
        if not what and clip.clip_id in seen:
            what = "stands in the table twice; clip ids must be unique"
        if not what and clip.label is None and (clip.split != "test" or some_known):
            what = f"of the {clip.split} split has no label; only the whole test split may hide its labels"
        seen.add(clip.clip_id)
        if not what and not (test_shares_subjects and clip.split == "test"):
            other = split_of.setdefault(same_name(clip.subject), clip)
            if other.split != clip.split:
                what = (
                    f"shows the subject {clip.subject!r}, who is in the splits {other.split} and {clip.split} (clip "
                    f"{other.clip_id!r}); splits must not share a subject"
                )
        if what:
            faults[index] = f"clip {clip.clip_id!r} {what}"
    return faults


def split_faults(table: ClipTable, splits: Sequence[str] = SPLITS) -> list[Fault]:
    """The splits with which nothing can be trained, chosen or scored: empty ones, and a test split without labels.

    Args:
        table: the clips.
        splits: those that are used.
    """
    faults = []
    for split in splits:
        clips = [clip for clip in table.clips if clip.split == split]
        if not clips:
            faults.append(Fault(what=f"the {split} split of {table.where} is empty: no clip has split={split!r}"))
        elif split == "train" and len(known := {clip.label for clip in clips}) == 1:
            name = [table.classes[label] for label in known if label is not None]
            faults.append(
                Fault(
                    what=f"all {len(clips)} training clips of {table.where} are of one class ({''.join(name)}); "
                    "expected two or more: there is nothing to tell apart"
                )
            )
        elif all(clip.label is None for clip in clips):
            faults.append(
                Fault(
                    what=f"the {split} split of {table.where} hides the labels of its {len(clips)} clips, so nothing "
                    "can be scored on it; add the labels, or leave these clips out and give split=test to people "
                    "whose clips have labels"
                )
            )
    return faults


def _text_fault(clip: Clip) -> str:
    for name, text in (("clip_id", clip.clip_id), ("video", clip.video), ("subject", clip.subject)):
        if not text.strip():
            hint = "; where people are not known, name the recording instead" if name == "subject" else ""
            return f"has no {name}{hint}"
        if char := unprintable(text):
            return f"has the {name} {text!r}, which holds the control character {char}"
        if text != text.strip():
            return f"has the {name} {text!r}, which begins or ends with a blank"
        if len(text.encode()) > MAX_TEXT_BYTES:
            return f"has a {name} of {len(text.encode())} bytes, expected at most {MAX_TEXT_BYTES}"
    normal = os.path.normpath(clip.video)
    if normal == os.pardir or normal.startswith((os.sep, os.pardir + os.sep)):
        return f"names the video {clip.video!r}, which lies outside the data set's root (`--videos FOLDER` moves it)"
    if len(normal) > MAX_NAME_BYTES // 4 and max(len(part.encode()) for part in Path(normal).parts) > MAX_NAME_BYTES:
        return f"names the video {clip.video!r}, but a file's name has at most {MAX_NAME_BYTES} bytes"
    return ""


def _value_fault(clip: Clip, n_classes: int) -> str:
    if clip.label is not None and not 0 <= clip.label < n_classes:
        return f"has label {clip.label}, expected 0..{n_classes - 1} ({n_classes} classes)"
    if not 0 <= clip.start_frame < (clip.end_frame or clip.start_frame + 1) <= MAX_FRAME:
        return (
            f"has frames [{clip.start_frame}, {clip.end_frame}), expected 0 <= start < end, or end 0 for the end of "
            "the video"
        )
    if clip.split not in SPLITS:
        return f"has split {clip.split!r}, expected one of {', '.join(SPLITS)}"
    if clip.fps != 0 and not FPS_RANGE[0] <= clip.fps <= FPS_RANGE[1]:
        return f"has {clip.fps} frames a second, expected {FPS_RANGE[0]:g} to {FPS_RANGE[1]:g}, or 0 for unknown"
    return ""
