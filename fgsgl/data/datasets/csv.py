"""The user's own data: a table of clips beside its videos, ``--table my.csv`` or a folder with ``clips.csv``.

Three optional files stand beside ``my.csv``: its FG-Text ``my.yaml``, the class names ``my.classes.txt``, and
``my.fgsgl.yaml``, which says where the videos lie (:func:`settings_path`). Beside ``clips.csv`` they are called
``text.yaml``, ``classes.txt`` and ``fgsgl.yaml``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.clip_table import Clip, ClipTable, Progress, Row, rows_of_clips, table_of
from fgsgl.data.datasets._own_table import columns_of, completed, drawn_splits, is_below, read_own_cells, splits_path
from fgsgl.data.datasets._tree import Kind, read_settings
from fgsgl.data.datasets.base import DataSet, Skeletons
from fgsgl.data.faults import Fault
from fgsgl.data.hidden_test import DRAWN_TEST, drawn_test, filler_of, hides_its_test, without_test
from fgsgl.data.joint_file import read_joint_file
from fgsgl.data.labels import HIDDEN, is_number, names_in, read_class_names
from fgsgl.data.skeletons import LAYOUTS
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.files import write_whole
from fgsgl.util.yaml_file import read_yaml

if TYPE_CHECKING:
    import numpy as np

FOLDER_TABLE = "clips.csv"
NO_PEOPLE = (
    "This table names no people, so every recording counts as one: a person may stand in several splits, which makes "
    "scores too good, and intervals over recordings are narrower than over people."
)


def table_path(root: Path) -> Path:
    """The table that ``--table`` or ``--root`` names: a file, whatever its ending, or that of a folder."""
    return root if root.suffix.lower() == ".csv" or root.is_file() else root / FOLDER_TABLE


def table_name(root: Path) -> str:
    """The name of a table, or of its folder where it is called as in every folder."""
    path = table_path(root)
    return path.absolute().parent.name if path.name == FOLDER_TABLE else path.stem


def text(root: Path) -> str:
    """The FG-Text's file, which only methods with text need."""
    return str(_beside(table_path(root), "text.yaml", ".yaml"))


def settings_path(root: Path) -> Path:
    """The file with ``videos: FOLDER``, where the videos do not lie beside the table."""
    return _beside(table_path(root), "fgsgl.yaml", ".fgsgl.yaml")


def remember_videos(root: Path, folder: Path) -> None:
    """Writes down where a table's videos lie; what else the file of settings holds stays.

    Raises:
        UserError: for a folder that is none, or settings that are none.
        OSError: where the file cannot be written.
    """
    path, known = settings_path(root), _folders(root)
    if not folder.is_dir():
        raise UserError(f"no folder at {folder}; --videos takes the folder of the table's videos")
    if known["videos"].resolve() == folder.resolve():
        return
    given = read_yaml(path) if path.exists() else {}
    lines = {**given, "videos": str(folder.resolve())}
    write_whole(path, "".join(f"{name}: {json.dumps(value)}\n" for name, value in lines.items()))


def _beside(table: Path, in_folder: str, ending: str) -> Path:
    """A file that belongs to a table; one that is named like ``clips.csv`` itself counts too, if it is there."""
    own = table.with_suffix(ending)
    if table.name == FOLDER_TABLE and not os.path.lexists(own):
        return table.with_name(in_folder)
    return own


def load(root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None) -> ClipTable:
    """The clip table; see :class:`fgsgl.data.datasets.base.Load`.

    Labels are numbers from 0, and the class file names them, a line each. Or labels are class names: without a class
    file they are numbered in alphabetical order. A test split may hide its labels: blank, -1, or all of them the same;
    the preset ``drawn-test`` then tests on people of the training split (:mod:`fgsgl.data.hidden_test`).

    Raises:
        UserError: for a missing file, a faulty class file, or labels without names.
        FaultyData: for faulty rows.
    """
    path, faults = table_path(root), list[Fault]()
    folders = _folders(root)
    rows, classes, columns, filler = _rows(path, folders["videos"], faults)
    caveats = [] if "subject" in columns else [NO_PEOPLE]
    if filler is not None:
        test = sum(row.clip.split == "test" for row in rows)
        caveats.append(f"{path}: all {test} test clips have one label, {filler}; it is taken to hide theirs")
    split: Callable[[Sequence[Clip]], Sequence[Clip]] = list
    notes: tuple[str, ...] = ()
    if "split" not in columns:
        split = partial(drawn_splits, path, seed=seed)
        people = "people" if "subject" in columns else "recordings"
        caveats.append(f"This table has no splits: whole {people} are drawn for them by the data seed {seed}.")
        notes = (f"splits: once they are drawn, {splits_path(path, seed)} keeps them",)
    if preset == DRAWN_TEST or (preset in LAYOUTS and hides_its_test(rows)):
        rows, sentence = without_test(rows, "This table", "subjects")
        caveats.append(sentence)
        split = partial(drawn_test, seed=seed)
    has_videos = "video" in columns
    return table_of(
        rows,
        faults,
        split,
        dataset="csv",
        root=path.parent,
        videos=folders["videos" if has_videos else "skeletons"],
        classes=classes,
        caveats=tuple(caveats),
        notes=notes,
        has_videos=has_videos,
        name=table_name(root),
        layout=preset if preset in LAYOUTS else None,
    )


def preset_of(root: Path) -> str:
    """The preset for a table: the layout of its skeletons where its settings name one, ``drawn-test`` where it hides
    the labels of its test clips, else ``all``."""
    path, settings = table_path(root), settings_path(root)
    if settings.exists() and (layout := read_layout_name(settings)):
        return layout
    return DRAWN_TEST if hides_its_test(_rows(path, _folders(root)["videos"], [])[0]) else "all"


def read_layout_name(settings: Path) -> str | None:
    """The layout of the skeletons that a table's settings name, ``layout: coco17``.

    Raises:
        UserError: for an unknown one, or a file that is no YAML.
    """
    given = read_yaml(settings)
    layout = given.get("layout") if isinstance(given, dict) else None
    if layout is not None and layout not in LAYOUTS:
        raise UserError(f"{settings}: layout is {layout!r}; {nearest(str(layout), tuple(LAYOUTS))}")
    return layout


def _folders(root: Path) -> Mapping[Kind, Path]:
    """Where a table's videos and skeletons lie."""
    return read_settings(table_path(root).parent, settings_path(root), others=("layout",))


def skeleton_files(table: ClipTable, clips: Sequence[Clip]) -> list[Path]:
    """The file of each clip's joints, from the table's column ``skeleton``.

    Raises:
        UserError: for a table without that column, or a path that leaves the folder of the skeletons.
    """
    path = Path(next(file for file, _ in table.places.values()))
    folders = _folders(path)
    file_of: dict[str, str] = {}
    for line, row in completed(path, folders["videos"], read_own_cells(path, []), []):
        if not is_below(name := row.get("skeleton", "")):
            raise UserError(f"{path}, line {line}: the skeleton {name!r} lies outside the folder of the skeletons")
        file_of[row["clip_id"]] = name
    if lacking := [clip.clip_id for clip in clips if not file_of.get(clip.clip_id)]:
        raise UserError(
            f"clip {lacking[0]!r} of {path} has no skeleton ({len(lacking)} such clip(s)); expected a column skeleton "
            "with a .npy file in each row"
        )
    return [folders["skeletons"] / file_of[clip.clip_id] for clip in clips]


def read_skeleton(file: Path, clip: Clip) -> np.ndarray:
    """A clip's joints, ``joints_TJ3``; see :mod:`fgsgl.data.joint_file`."""
    return read_joint_file(file)


def _rows(
    path: Path, videos: Path, faults: list[Fault]
) -> tuple[list[Row], tuple[str, ...], frozenset[str], str | None]:
    """The rows that can be read, the names of the classes, the columns that the table has, and the one label that
    hides those of all test rows."""
    names = _beside(path, "classes.txt", ".classes.txt")
    cells = read_own_cells(path, faults)
    columns = columns_of(cells)
    if not cells and not faults:
        raise UserError(f"{path} has a header and no row; expected a row for each clip")
    filler = filler_of((row.get("split", "train"), row["label"]) for _, row in cells)
    if filler is not None:  # it need not name a class
        cells = [(line, {**row, "label": ""} if row.get("split") == "test" else row) for line, row in cells]
    refused: dict[str, str] = {}
    if os.path.lexists(names):
        classes = read_class_names(names)
    else:
        labels = {row["label"] for _, row in cells}
        if all(is_number(label) or label in HIDDEN for label in labels) and cells:
            raise UserError(
                f"the labels in {path} are numbers or blank, and no file gives the classes' names; expected {names}, "
                "a name a line in the order of the labels"
            )
        classes, refused = names_in(labels)
        if len(classes) + len(refused) < 2 and cells:
            known = repr(classes[0]) if classes else "none"
            raise UserError(f"the labels in {path} name fewer than two classes ({known}); expected two or more")
    rows = rows_of_clips(path, completed(path, videos, cells, faults), classes, faults, refused)
    return rows, classes, columns, filler


DATASET = DataSet(
    name="csv",
    presets={name: {"epochs": 10} for name in ("all", DRAWN_TEST, *LAYOUTS)},
    preset_of=preset_of,
    load=load,
    text=text,
    skeletons=Skeletons(layout=None, files=skeleton_files, read=read_skeleton),
)
