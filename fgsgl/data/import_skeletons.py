"""Pickles of skeletons, as MMAction2 and PYSKL have them, made into a table and a ``.npy`` file a clip.

A pickle holds ``{"split": {name: [frame_dir, ...]}, "annotations": [{"frame_dir", "label", "keypoint", ...}]}``, or
the list of annotations alone. Of several people in a clip, the one is kept who is found with the most confidence.

Shapes: M people, T frames, J joints.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgsgl.data.joint_file import ENDING, with_confidence
from fgsgl.data.labels import numbered_names, read_class_names
from fgsgl.data.skeletons import LAYOUTS, Layout
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.escaping import no_formula
from fgsgl.util.files import csv_text, own_folder, write_whole
from fgsgl.util.plain_pickle import read_plain_pickle

SPLITS = ("train", "val", "test")
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
    name = _layout_name(layout, _joints(annotations[0], pickled, 0).shape[1], pickled)
    chosen = _chosen(annotations, split_of, pickled, notes)
    for number, annotation in chosen.items():  # before anything is written
        _fitting(_joints(annotation, pickled, number), LAYOUTS[name], pickled, number)
    count = 1 + max(annotation["label"] for annotation in chosen.values())
    names = read_class_names(classes) if classes else numbered_names(count)
    if count > len(names):
        raise UserError(f"{pickled}: the largest label is {count - 1}, but {classes} names {len(names)} classes")
    own_folder(folder / "skeletons")
    rows: list[tuple[str, str, int, str]] = []
    for number, annotation in chosen.items():
        file = f"skeletons/{number:06d}{ENDING}"
        write_whole(folder / file, _npy(_fitting(_joints(annotation, pickled, number), LAYOUTS[name], pickled, number)))
        clip = _name(annotation)
        rows.append((clip, file, annotation["label"], split_of.get(clip, "")))
    write_whole(folder / "classes.txt", "".join(f"{text}\n" for text in names))
    write_whole(folder / "fgsgl.yaml", f"layout: {json.dumps(name)}\n")
    write_whole(folder / "clips.csv", _table(rows, bool(split_of)))
    return Imported(table=folder / "clips.csv", n_clips=len(rows), notes=(f"layout {name}", *notes))


def _chosen(
    annotations: Sequence[dict[str, Any]], split_of: Mapping[str, str], path: Path, notes: list[str]
) -> dict[int, dict[str, Any]]:
    """The annotations of the splits by their number, or all where there are none; ``notes`` gets what is left out."""
    chosen: dict[int, dict[str, Any]] = {}
    seen: set[str] = set()
    for number, annotation in enumerate(annotations):
        clip, label = _name(annotation), annotation.get("label")
        if not isinstance(clip, str) or not clip.strip() or clip in seen or type(label) is not int or label < 0:
            raise UserError(
                f"{path}, annotation {number}: frame_dir {clip!r:.80} and label {label!r:.40}; expected a name of "
                "its own and a number from 0"
            )
        seen.add(clip)
        if not split_of or clip in split_of:
            chosen[number] = annotation
    if not chosen:
        raise UserError(f"{path}: no annotation is of a split; {FORMS}")
    if len(chosen) < len(annotations):
        notes.append(f"{len(annotations) - len(chosen)} annotation(s) are in none of the splits, and are left out")
    if lacking := [clip for clip in split_of if clip not in seen]:
        notes.append(f"{len(lacking)} clip(s) of the splits have no annotation, and are left out: {lacking[0]!r:.80}")
    return chosen


def _name(annotation: Mapping[str, Any]) -> Any:
    return annotation.get("frame_dir", annotation.get("filename"))


def _parts(content: Any, path: Path) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Annotations, and names of clips by split."""
    given: Any = {}
    if isinstance(content, dict):
        content, given = content.get("annotations"), content.get("split", {})
    sound = isinstance(content, list) and content and all(isinstance(one, dict) for one in content)
    if not sound or not isinstance(given, dict) or not all(isinstance(names, list) for names in given.values()):
        raise UserError(f"{path}: {FORMS}")
    return content, given


def _splits(given: Mapping[str, Any], beginning: str | None, path: Path) -> tuple[dict[str, str], list[str]]:
    """The split of each clip; and what is said about them. Without a test split, ``val`` is the test split."""
    divisions: dict[str, dict[str, list[str]]] = {}
    for name, clips in given.items():
        if found := re.fullmatch(r"(.*?)[_-]?(train|val|test)", str(name)):
            divisions.setdefault(found[1], {})[found[2]] = clips
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


def _joints(annotation: Mapping[str, Any], path: Path, number: int) -> np.ndarray:
    """``joints_TJ3`` or ``joints_TJ2`` of the person who is found best."""
    joints_MTJA, scores_MTJ = annotation.get("keypoint"), annotation.get("keypoint_score")
    if not isinstance(joints_MTJA, np.ndarray) or joints_MTJA.ndim != 4 or joints_MTJA.shape[3] not in (2, 3):
        shape = getattr(joints_MTJA, "shape", type(joints_MTJA).__name__)
        raise UserError(f"{path}, annotation {number}: keypoint is {shape}, expected (people, frames, joints, 2 or 3)")
    if 0 in joints_MTJA.shape:
        raise UserError(f"{path}, annotation {number}: keypoint is {joints_MTJA.shape}, so nobody is in it")
    joints_MTJA = joints_MTJA.astype(np.float32)
    if scores_MTJ is None:
        best = int((joints_MTJA != 0).any(-1).sum((1, 2)).argmax())
        return joints_MTJA[best]
    if not isinstance(scores_MTJ, np.ndarray) or scores_MTJ.shape != joints_MTJA.shape[:3]:
        raise UserError(f"{path}, annotation {number}: keypoint_score does not fit keypoint {joints_MTJA.shape}")
    best = int(scores_MTJ.sum((1, 2), dtype=np.float64).argmax())
    return np.concatenate([joints_MTJA[best, ..., :2], scores_MTJ[best, ..., None].astype(np.float32)], axis=2)


def _fitting(joints: np.ndarray, layout: Layout, path: Path, number: int) -> np.ndarray:
    """The joints with the third value that the layout has."""
    if joints.shape[1] != len(layout.joints):
        raise UserError(f"{path}, annotation {number}: {joints.shape[1]} joints, the layout has {len(layout.joints)}")
    if joints.shape[2] == 3:
        return joints
    if not layout.confidence:
        raise UserError(
            f"{path}, annotation {number}: joints in the image, but the layout's are in space; see --layout"
        )
    return with_confidence(joints)


def _npy(joints_TJ3: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, joints_TJ3.astype(np.float32), allow_pickle=False)
    return content.getvalue()


def _table(rows: Sequence[tuple[str, str, int, str]], with_split: bool) -> str:
    """The table; the person of a clip is NTU's, where the names are (``S001C001P003...``)."""
    people = [re.match(r"S[0-9]{3}C[0-9]{3}(P[0-9]{3})", clip) for clip, *_ in rows]
    with_people = all(people)
    columns: list[object] = ["clip_id", "skeleton", "label", *["subject"] * with_people, *["split"] * with_split]
    cells: list[list[object]] = [columns]
    for (clip, file, label, split), person in zip(rows, people, strict=True):
        subject = [person[1] if person else ""] if with_people else []
        cells.append([no_formula(clip), file, label, *subject, *[split] * with_split])
    return csv_text(cells)
