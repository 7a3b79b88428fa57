"""A copy of a released data set: its files, found at any depth, and joined by the recording that they are of.

People keep the releases in many trees. So nothing is expected at a fixed place: label tables, videos and skeletons are
looked for below the root, or below the folder that ``fgsgl.yaml`` names for each of the three.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from fgsgl.data.faults import Fault
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.yaml_file import read_yaml

Kind = Literal["videos", "labels", "skeletons"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SETTINGS_FILE = "fgsgl.yaml"
VIDEO = r"\.(?:mp4|m4v|mov|avi|mkv|webm|mpg|mpeg|ts|mts|wmv|flv|3gp)"
"""Pattern of the endings of video files, in any case."""
_ENDING = re.compile(VIDEO + "$", re.IGNORECASE)
NOUNS: Mapping[Kind, str] = {"videos": "videos", "labels": "label tables", "skeletons": "skeletons"}
SHOWN = 4
"""Files that a message names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """The folders of a copy, and the files in them."""

    root: Path
    folders: Mapping[Kind, Path]
    """Where each kind is looked for."""
    files: Mapping[Kind, tuple[str, ...]]
    """Paths of all files below each folder, relative to it, in alphabetical order."""
    by_stem: Mapping[str, list[str]]
    """The videos by their name without folders and ending, in lower case."""

    def path(self, kind: Kind, file: str) -> Path:
        """Where a file of a kind lies."""
        return self.folders[kind] / file

    def named(self, kind: Kind, pattern: str) -> list[tuple[str, re.Match[str]]]:
        """Files whose whole name, without folders, matches a pattern in any case; with the match."""
        name = re.compile(pattern, re.IGNORECASE)
        matches = ((file, name.fullmatch(file.rpartition("/")[2])) for file in self.files[kind])
        return [(file, match) for file, match in matches if match]

    def found(self, kind: Kind, pattern: str, *, repeats_in_validation: bool = False) -> dict[int, list[str]]:
        """Files whose name matches a pattern, by the number that its first group gives.

        Args:
            kind: what is looked for.
            pattern: of the names.
            repeats_in_validation: a recording that lies in a validation folder, and outside of one too, is looked for
                outside alone. MiGA's validation recordings of iMiGUE are training recordings that lie there again.
        """
        by_number: dict[int, list[str]] = defaultdict(list)
        for file, match in self.named(kind, pattern):
            by_number[int(match[1])].append(file)
        if not repeats_in_validation:
            return dict(by_number)
        return {number: [file for file in files if split_of(file) != "val"] or files
                for number, files in by_number.items()}  # fmt: skip

    def one_each(
        self, found: Mapping[int, list[str]], kind: Kind, faults: list[Fault], name: Callable[[int], str]
    ) -> dict[int, str]:
        """The file of each recording; ``faults`` gets the recordings that have several.

        Args:
            found: the files by recording, as :meth:`found` gives them.
            kind: what they are.
            faults: gets a fault for each recording with several.
            name: the name of a recording.
        """
        for number, files in found.items():
            if len(files) > 1:
                faults.append(
                    Fault(
                        what=f"{name(number)} has {len(files)} {NOUNS[kind]} below {self.folders[kind]}: "
                        f"{counted(files)}; which is meant? Remove the others, or name the folder in {SETTINGS_FILE} "
                        f"({kind}: FOLDER)"
                    )
                )
        return {number: files[0] for number, files in found.items() if len(files) == 1}

    def listed_video(self, name: str, split: str) -> str:
        """The video that a list of a split names; one of another split's folder is none.

        Lists name folders of their authors' machines, and people encode videos anew. So the name counts without its
        folders, its ending and its case. Of several such videos it is the one whose ending and folders the list names.

        Raises:
            UserError: where there is none, or several.
        """
        wanted = name.replace("\\", "/")
        files = self.by_stem.get(_stem(wanted), [])
        fitting = [file for file in files if split_of(file) in (None, split)]
        found = [file for file in fitting if split_of(file) == split] or fitting
        alike = [_likeness(file, wanted) for file in found]
        found = [file for file, likeness in zip(found, alike, strict=True) if likeness == max(alike)]
        where = f"below {self.folders['videos']}"
        if not found:
            also = f", only {counted(files)} of another split" if files else ""
            raise UserError(
                f"no video {name!r} of the {split} list {where}{also}; half an extraction? If the videos lie "
                f"elsewhere, name their folder in {SETTINGS_FILE} (videos: FOLDER)"
            )
        if len(found) > 1:
            raise UserError(f"{name!r} of the {split} list is {len(found)} videos {where}: {counted(found)}; keep one")
        return found[0]


_WORDS = {
    "train": frozenset({"train", "training"}),
    "val": frozenset({"val", "valid", "validate", "validation"}),
    "test": frozenset({"test", "testing"}),
}
"""Words in the names of a split's folders."""


def open_copy(root: Path) -> Copy:
    """The files of a copy.

    Raises:
        UserError: for a root that is no folder, or settings that are none (:func:`read_settings`).
    """
    if not root.is_dir():
        raise UserError(f"no folder at {root}; --root takes the folder of the data set's copy")
    folders = read_settings(root)
    listed = {folder: files_below(folder) for folder in set(folders.values())}
    by_stem: dict[str, list[str]] = defaultdict(list)
    for file in listed[folders["videos"]]:
        if _ENDING.search(file):
            by_stem[_stem(file)].append(file)
    return Copy(root=root, folders=folders, files={kind: listed[folders[kind]] for kind in KINDS}, by_stem=by_stem)


def _stem(file: str) -> str:
    """The name of a video without folders and ending, in lower case."""
    return _ENDING.sub("", file.rpartition("/")[2]).casefold()


def _likeness(file: str, other: str) -> tuple[bool, int]:
    """Whether the names at the end of two paths are the same, and how many of their last folders are, in any case."""
    name, *folders = reversed(PurePosixPath(file.casefold()).parts)
    other_name, *others = reversed(PurePosixPath(other.casefold()).parts)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(folders, others, strict=False))
    return name == other_name, sum(1 for _ in same)


def read_settings(root: Path, path: Path | None = None, others: Sequence[str] = ()) -> dict[Kind, Path]:
    """The folder of each kind of file: the root, or what a file of settings says instead.

    Args:
        root: the folder.
        path: the file; None: ``<root>/fgsgl.yaml``.
        others: settings that it may hold besides, which are passed over.

    Raises:
        UserError: for a file that is not YAML, or holds an unknown setting or no folder.
    """
    path, folders = path or root / SETTINGS_FILE, dict.fromkeys(KINDS, root)
    if not os.path.lexists(path):
        return folders
    given = read_yaml(path) or {}
    if not isinstance(given, dict):
        raise UserError(f"{path} holds no settings; expected lines such as videos: FOLDER")
    for name, value in given.items():
        if name in others:
            continue
        if name not in KINDS:
            raise UserError(f"{path} has the unknown setting {name!r}; {nearest(str(name), (*KINDS, *others))}")
        if not isinstance(value, str):
            raise UserError(f"{path}: {name} is {value!r}, expected a folder, in quotation marks")
        folders[name] = root / value
        if "\0" in value or not folders[name].is_dir():
            raise UserError(f"{path}: {name} is {value!r}, but there is no folder at {folders[name]}")
    return folders


def files_below(folder: Path) -> tuple[str, ...]:
    """Paths of all files below a folder, relative to it, in alphabetical order; hidden ones are passed over.

    A link to a folder is followed, each folder once.

    Raises:
        UserError: for a folder that may not be read, whose files would be missing in silence.
    """
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        state = Path(place).stat()
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = PurePosixPath(os.path.relpath(place, folder))
        found += [str(below / name) for name in files if not name.startswith(".")]
    return tuple(sorted(found))


def _refuse(error: OSError) -> None:
    raise UserError(f"the folder {error.filename} cannot be read: {error.strerror}; give yourself the right to read it")


def split_of(file: str) -> str | None:
    """The split that the folders of a path name, the nearest one first: ``imigue_rgb_train/0001/0001.mp4`` is of
    ``train``. None where no folder names one, or it names several.

    Phase 2 of the MiGA challenge is its test.
    """
    for folder in reversed(PurePosixPath(file).parts[:-1]):
        words = set(re.split("[^a-z]+", folder.lower()))
        named = [split for split, known in _WORDS.items() if not words.isdisjoint(known)]
        if named:
            return named[0] if len(named) == 1 else None
        if "phase2" in folder.lower():
            return "test"
    return None


def counted(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"{', '.join(listed[:SHOWN])}{more}"
