"""Pickles of skeletons, as MMAction2 and PYSKL have them, made into a table and a ``.npy`` file a clip.

A pickle holds ``{"split": {name: [frame_dir, ...]}, "annotations": [{"frame_dir", "label", "keypoint", ...}]}``, or
the list of annotations alone. Of several people in a clip, the one is kept who is found with the most confidence.

Shapes: M people, T frames, J joints.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fgsgl.data.joint_file import ENDING, MAX_JOINT, with_confidence
from fgsgl.data.labels import MAX_CLASSES, numbered_names, read_class_names
from fgsgl.data.skeletons import LAYOUTS, Layout
from fgsgl.util.abandoned import temporary
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.escaping import no_formula
from fgsgl.util.files import csv_text, own_folder, write_whole
from fgsgl.util.plain_pickle import read_plain_pickle

SPLIT = re.compile(r"(.*?)[_-]?(train|validation|val|test)(?:ing)?[_-]?([0-9]*)", re.IGNORECASE)
"""A name of a split: a beginning, as in ``xsub_train``, or a number, as in ``test1``, tells the divisions apart."""
FORMS = "expected MMAction2's annotations: {'split': {'train': [...]}, 'annotations': [{'frame_dir': ...}, ...]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """The table that was written."""

    table: Path
    n_clips: int
    notes: tuple[str, ...]


def import_skeletons(
    pickled: Path, folder: Path, layout: str | None, splits: str | None = None, classes: Path | None = None
) -> Imported:
    """Writes ``clips.csv``, ``classes.txt``, ``fgsgl.yaml`` and ``skeletons/`` into a new folder.

    Args:
        pickled: the pickle.
        folder: to write.
        layout: name of the joints' layout; None: the only one with as many joints.
        splits: beginning of the splits' names, where there are several divisions (``xsub`` of ``xsub_train``).
        classes: a name a line; None: ``class 0``, ``class 1``, ...

    Raises:
        UserError: for a folder that is there, a pickle that is not read, or annotations that are none.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already; give another --out, or remove it")
    annotations, given = _parts(read_plain_pickle(pickled), pickled)
    split_of, notes = _splits(given, splits, pickled)
    name = _layout_name(layout, _keypoint(annotations[0], pickled, 0).shape[2], pickled)
    clips = _clips(annotations, split_of, pickled, notes)
    shown = (_keypoint(annotations[clip.number], pickled, clip.number) for clip in clips)
    if several := sum(int((joints_MTJA != 0).any((1, 2, 3)).sum()) > 1 for joints_MTJA in shown):
        notes.append(f"{several} clip(s) show several people, of whom the one who is found best is kept")
    count = 1 + max(clip.label for clip in clips)
    names = read_class_names(classes) if classes else numbered_names(count)
    if count > len(names):
        raise UserError(f"{pickled}: the largest label is {count - 1}, but {classes} names {len(names)} classes")
    begun = temporary(folder)
    own_folder(begun / "skeletons")
    try:
        for clip in clips:
            joints_TJ3 = _joints(annotations[clip.number], LAYOUTS[name], pickled, clip.number)
            (begun / clip.file).write_bytes(_npy(joints_TJ3))
        write_whole(begun / "classes.txt", "".join(f"{text}\n" for text in names))
        write_whole(begun / "fgsgl.yaml", f"layout: {json.dumps(name)}\n")
        write_whole(begun / "clips.csv", _table(clips, bool(split_of)))
        begun.replace(folder)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return Imported(table=folder / "clips.csv", n_clips=len(clips), notes=(f"layout {name}", *notes))


class _Clip(NamedTuple):
    """A clip of the table."""

    number: int
    """Of its annotation."""
    name: str
    label: int
    split: str
    """Empty where none is given."""

    @property
    def file(self) -> str:
        """Of its skeleton."""
        return f"skeletons/{self.number:06d}{ENDING}"


def _clips(
    annotations: Sequence[Mapping[str, Any]], split_of: Mapping[str, str], path: Path, notes: list[str]
) -> list[_Clip]:
    """The clips of all annotations that are of a split; ``notes`` gets lines about the others, and about names without
    an annotation.

    Raises:
        UserError: for one without a name of its own, or a label that is none.
    """
    clips: list[_Clip] = []
    seen: set[str] = set()
    for number, annotation in enumerate(annotations):
        name = annotation.get("frame_dir", annotation.get("filename"))
        label = annotation.get("label")
        if not isinstance(name, str) or not name.strip() or name in seen:
            raise UserError(f"{path}, annotation {number}: frame_dir {name!r:.80}; expected a name of its own")
        if type(label) is not int or not 0 <= label < MAX_CLASSES:
            raise UserError(
                f"{path}, annotation {number}: label {label!r:.40}; expected a number from 0 to {MAX_CLASSES - 1}"
            )
        seen.add(name)
        if not split_of or name in split_of:
            clips.append(_Clip(number, name, label, split_of.get(name, "")))
    if not clips:
        raise UserError(f"{path}: no annotation is of a split; {FORMS}")
    if len(clips) < len(annotations):
        notes.append(f"{len(annotations) - len(clips)} annotation(s) are in none of the splits, and are left out")
    if lacking := [name for name in split_of if name not in seen]:
        notes.append(f"{len(lacking)} name(s) of the splits have no annotation, such as {lacking[0]!r:.80}")
    return clips


def _parts(content: Any, path: Path) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Annotations, and names of clips by split."""
    given: Any = {}
    if isinstance(content, dict):
        content, given = content.get("annotations"), content.get("split", {})
    sound = isinstance(content, list) and content and all(isinstance(one, dict) for one in content)
    if not sound or not isinstance(given, dict) or not all(isinstance(names, list | tuple) for names in given.values()):
        raise UserError(f"{path}: {FORMS}")
    return content, given


def _splits(given: Mapping[str, Any], beginning: str | None, path: Path) -> tuple[dict[str, str], list[str]]:
    """The split of each clip; and what is said about them. Without a test split, ``val`` is the test split."""
    divisions: dict[str, dict[str, Sequence[str]]] = {}
    for name, clips in given.items():
        found = SPLIT.fullmatch(str(name))
        if not found:
            raise UserError(f"{path}: the split {name!r:.80}; expected train, val or test, as in xsub_train or test1")
        split = {"validation": "val"}.get(found[2].lower(), found[2].lower())
        divisions.setdefault(found[1] or found[3], {})[split] = clips
    if beginning is not None and beginning not in divisions:
        raise UserError(f"{path} has no splits {beginning!r}; {nearest(beginning, tuple(divisions))}")
    if len(divisions) > 1 and beginning is None:
        raise UserError(f"{path} has several divisions: {', '.join(divisions)}; name one with --splits")
    if not divisions:
        return {}, ["no splits: they are drawn when the data are loaded"]
    chosen, notes = dict(divisions[beginning if beginning is not None else next(iter(divisions))]), []
    if "test" not in chosen and "val" in chosen:
        chosen["test"] = chosen.pop("val")
        notes.append("val is the test split, as there is no other")
    split_of: dict[str, str] = {}
    for split, clips in chosen.items():
        for clip in clips:
            if not isinstance(clip, str) or split_of.setdefault(clip, split) != split:
                raise UserError(f"{path}: clip {clip!r:.80} is in two splits, or no name")
    return split_of, notes


def _layout_name(layout: str | None, joints: int, path: Path) -> str:
    fitting = [name for name, known in LAYOUTS.items() if len(known.joints) == joints]
    if layout is None and len(fitting) == 1:
        return fitting[0]
    if layout is None or layout not in LAYOUTS:
        raise UserError(f"{path} has {joints} joints; name their layout with --layout: {', '.join(fitting or LAYOUTS)}")
    return layout


def _keypoint(annotation: Mapping[str, Any], path: Path, number: int) -> np.ndarray:
    """``joints_MTJ2`` or ``joints_MTJ3`` of everyone."""
    joints_MTJA = annotation.get("keypoint")
    if not isinstance(joints_MTJA, np.ndarray) or joints_MTJA.ndim != 4 or joints_MTJA.shape[3] not in (2, 3):
        shape = getattr(joints_MTJA, "shape", type(joints_MTJA).__name__)
        raise UserError(f"{path}, annotation {number}: keypoint is {shape}, expected (people, frames, joints, 2 or 3)")
    if 0 in joints_MTJA.shape:
        raise UserError(f"{path}, annotation {number}: keypoint is {joints_MTJA.shape}, so nobody is in it")
    if joints_MTJA.dtype.kind not in "iuf":
        raise UserError(f"{path}, annotation {number}: keypoint holds {joints_MTJA.dtype}, expected numbers")
    return joints_MTJA[:, : _frames(annotation, joints_MTJA.shape[1], path, number)]


def _frames(annotation: Mapping[str, Any], rows: int, path: Path, number: int) -> int:
    """Frames of a clip: ``total_frames``, where rows after them only pad it to a common length."""
    frames = annotation.get("total_frames", rows)
    if type(frames) is not int or not 0 < frames <= rows:
        raise UserError(f"{path}, annotation {number}: total_frames is {frames!r:.40}, but keypoint has {rows} frames")
    return frames


def _joints(annotation: Mapping[str, Any], layout: Layout, path: Path, number: int) -> np.ndarray:
    """``joints_TJ3`` of the person who is found best, with the third value that the layout has."""
    joints_MTJA, scores_MTJ = _keypoint(annotation, path, number).astype(np.float32), annotation.get("keypoint_score")
    if joints_MTJA.shape[2] != len(layout.joints):
        found = joints_MTJA.shape[2]
        raise UserError(f"{path}, annotation {number}: {found} joints, the layout has {len(layout.joints)}")
    if not layout.confidence and joints_MTJA.shape[3] == 2:
        raise UserError(
            f"{path}, annotation {number}: joints in the image, but the layout's are in space; see --layout"
        )
    if (np.abs(joints_MTJA) >= MAX_JOINT).any():
        raise UserError(f"{path}, annotation {number}: a joint at infinity, or further away than {MAX_JOINT:g}")
    if scores_MTJ is None:
        best = int((np.nan_to_num(joints_MTJA) != 0).any(-1).sum((1, 2)).argmax())
        return joints_MTJA[best] if joints_MTJA.shape[3] == 3 else with_confidence(joints_MTJA[best])
    frames = joints_MTJA.shape[1]
    if not isinstance(scores_MTJ, np.ndarray) or scores_MTJ[:, :frames].shape != joints_MTJA.shape[:3]:
        raise UserError(f"{path}, annotation {number}: keypoint_score does not fit keypoint {joints_MTJA.shape}")
    scores_MTJ = scores_MTJ[:, :frames].astype(np.float32)
    best = int(np.nan_to_num(scores_MTJ).sum((1, 2), dtype=np.float64).argmax())
    if not layout.confidence:  # the third value is a place in space, and stays
        return joints_MTJA[best]
    return np.concatenate([joints_MTJA[best, ..., :2], scores_MTJ[best, ..., None]], axis=2)


def _npy(joints_TJ3: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, joints_TJ3.astype(np.float32), allow_pickle=False)
    return content.getvalue()


def _table(clips: Sequence[_Clip], with_split: bool) -> str:
    """The table; the person of a clip is NTU's, where the names are (``S001C001P003...``)."""
    people = [re.match(r"S[0-9]{3}C[0-9]{3}(P[0-9]{3})", clip.name) for clip in clips]
    with_people = all(people)
    columns: list[object] = ["clip_id", "skeleton", "label", *["subject"] * with_people, *["split"] * with_split]
    cells: list[list[object]] = [columns]
    for clip, person in zip(clips, people, strict=True):
        subject = [person[1] if person else ""] if with_people else []
        cells.append([no_formula(clip.name), clip.file, clip.label, *subject, *[clip.split] * with_split])
    return csv_text(cells)
