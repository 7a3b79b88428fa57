"""What the adapters of the released data sets share: settings, label files, official counts, validation by subject."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.util.errors import UserError, nearest

SETTINGS_FILE = "fgsgl.yaml"
VAL_SHARE = 0.15
"""Of the training subjects' clips, at least so many become the validation split."""


def read_settings(root: Path, defaults: Mapping[str, str]) -> dict[str, str]:
    """Where a copy's files lie: the defaults, and over them what ``<root>/fgsgl.yaml`` says.

    Raises:
        UserError: for a root that is no folder, or a file that is not YAML, or holds an unknown setting or no text.
    """
    if not root.is_dir():
        raise UserError(f"no folder at {root}; --root takes the folder of the data set's copy")
    path = root / SETTINGS_FILE
    if not path.is_file():
        return dict(defaults)
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} is not YAML: {error}") from None
    if not isinstance(given, dict):
        raise UserError(f"{path} holds no settings; expected lines such as {next(iter(defaults))}: value")
    for name, value in given.items():
        if name not in defaults:
            raise UserError(f"{path} has the unknown setting {name!r}; {nearest(str(name), tuple(defaults))}")
        if not isinstance(value, str):
            raise UserError(f"{path}: {name} is {value!r}, expected text in quotation marks")
    return {**defaults, **given}


def filled(root: Path, settings: Mapping[str, str], name: str, **values: str) -> str:
    """The path, below the root, that a setting's pattern gives.

    Raises:
        UserError: for a pattern with an unknown field, naming the setting.
    """
    try:
        return settings[name].format(**values)
    except (KeyError, IndexError, ValueError):
        fields = ", ".join(f"{{{field}}}" for field in values)
        raise UserError(
            f"the setting {name} = {settings[name]!r} in {root / SETTINGS_FILE} may hold {fields}"
        ) from None


def placed(root: Path, settings: Mapping[str, str], name: str, **values: str) -> str:
    """As :func:`filled`; the file must be there.

    Raises:
        UserError: for a missing file or a pattern with an unknown field, naming the setting.
    """
    relative = filled(root, settings, name, **values)
    try:
        return require_file(root, relative)
    except UserError as error:
        raise UserError(
            f"{error} Its name comes from the setting {name} = {settings[name]!r}, "
            f"which {root / SETTINGS_FILE} may change"
        ) from None


def require_file(root: Path, relative: str) -> str:
    """The path itself, of a file that is there.

    Raises:
        UserError: for one that is not.
    """
    if not (root / relative).is_file():
        raise UserError(f"no file at {root / relative}; half an extraction?")
    return relative


def read_rows(path: Path, n_columns: int) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a table without header; blank lines are passed over, cells stripped.

    Raises:
        UserError: for a file that is missing or no UTF-8 text, or a row with fewer cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, row in enumerate(csv.reader(file, skipinitialspace=True), start=1):
                cells = [cell.strip() for cell in row]
                if not any(cells):
                    continue
                if len(cells) < n_columns:
                    raise UserError(f"{path}, line {line}: {len(cells)} cell(s), expected {n_columns}")
                yield line, cells
    except FileNotFoundError:
        raise UserError(f"no file at {path}; half an extraction?") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable UTF-8 table: {error}") from None


def read_list(path: Path) -> Iterator[tuple[int, str, int]]:
    """Line numbers, names and labels of a list of ``name label``; a name may hold blanks, blank lines are passed over.

    Raises:
        UserError: for a file that is missing or no UTF-8 text, or a line without a label.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a readable UTF-8 list: {error}") from None
    for line, content in enumerate(lines, start=1):
        if content.strip():
            name, _, raw = content.strip().rpartition(" ")
            yield line, name.strip(), *whole_numbers([raw], f"{path}, line {line}")


def whole_numbers(cells: Sequence[str], where: str) -> list[int]:
    """The cells as whole numbers.

    Raises:
        UserError: naming the place.
    """
    try:
        return [int(cell) for cell in cells]
    except ValueError:
        raise UserError(f"{where}: {', '.join(cells)}; expected whole numbers") from None


def class_id(raw: int, first: int, n_classes: int, where: str, others: Mapping[int, int] | None = None) -> int:
    """The 0-based class of a label as the files have it: ``raw - first``, or what ``others`` says.

    Raises:
        UserError: for a label of another data set.
    """
    label = (others or {}).get(raw, raw - first)
    if not 0 <= label < n_classes or (others and raw not in others and label in others.values()):
        more = "".join(f", or {value}" for value in others or ())
        last = first + n_classes - 1 - len(others or ())
        raise UserError(f"{where}: label {raw}, expected {first}..{last}{more}; labels of another data set?")
    return label


def csv_archive(name: str, rows: Iterable[Sequence[object]]) -> bytes:
    """A flat zip that holds one CSV file; equal rows give equal bytes."""
    table, archive = io.StringIO(), io.BytesIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo(name)  # dated 1980
        file.writestr(entry, table.getvalue(), compress_type=zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def seeded_order(names: Sequence[str], seed: int) -> list[str]:
    """The names in an order that depends on nothing but them and the seed."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())


def pick_subjects(clips: Sequence[Clip], share: float, seed: int) -> set[str]:
    """Subjects, in seeded order, until they hold at least a share of the clips; one at least stays out.

    Raises:
        UserError: for clips of fewer than two subjects.
    """
    counts = Counter(clip.subject for clip in clips)
    if len(counts) < 2:
        raise UserError(f"{len(counts)} subject(s) with training clips; a split by subject needs at least 2")
    picked: set[str] = set()
    for subject in seeded_order(list(counts), seed)[:-1]:
        picked.add(subject)
        if sum(counts[name] for name in picked) >= share * len(clips):
            break
    return picked


def move_subjects(clips: Sequence[Clip], split: str, share: float, seed: int) -> list[Clip]:
    """The clips, with some training subjects (:func:`pick_subjects`) moved to another split.

    Raises:
        UserError: for training clips of fewer than two subjects.
    """
    picked = pick_subjects([clip for clip in clips if clip.split == "train"], share, seed)
    return [replace(c, split=split) if c.split == "train" and c.subject in picked else c for c in clips]


def deviations(table: ClipTable, official: Mapping[str, int]) -> list[str]:
    """How the counts differ from the published ones, a line each.

    Args:
        table: as it was loaded.
        official: some of ``clips``, ``train`` (training and validation), ``test``, ``subjects``.
    """
    n_test = sum(clip.split == "test" for clip in table.clips)
    found = {
        "clips": len(table.clips),
        "train": len(table.clips) - n_test,
        "test": n_test,
        "subjects": len({clip.subject for clip in table.clips}),
    }
    what = {"clips": "clips", "train": "training and validation clips", "test": "test clips", "subjects": "subjects"}
    return [
        f"{table.dataset} at {table.root} has {found[name]} {what[name]}, the release {expected}"
        for name, expected in official.items()
        if found[name] != expected
    ]
