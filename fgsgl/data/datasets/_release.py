"""Readers that the released data sets share: settings of a copy, label lists, tables without header, skeletons."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.util.errors import UserError, nearest
from fgsgl.util.files import read_text
from fgsgl.util.yaml_file import read_yaml

if TYPE_CHECKING:
    import numpy as np

SETTINGS_FILE = "fgsgl.yaml"
MAX_JOINT = 1e6
"""No joint is so far away, in metres or in pixels."""


def read_settings(root: Path, defaults: Mapping[str, str]) -> dict[str, str]:
    """Paths of a copy's files: the defaults, overridden by ``<root>/fgsgl.yaml``.

    Raises:
        UserError: for a root that is no folder, or a file that is not YAML, or holds an unknown setting or no text.
    """
    if not root.is_dir():
        raise UserError(f"no folder at {root}; --root takes the folder of the data set's copy")
    path = root / SETTINGS_FILE
    if not os.path.lexists(path):
        return dict(defaults)
    given = read_yaml(path) or {}
    if not isinstance(given, dict):
        raise UserError(f"{path} holds no settings; expected lines such as {next(iter(defaults))}: value")
    for name, value in given.items():
        if name not in defaults:
            raise UserError(f"{path} has the unknown setting {name!r}; {nearest(str(name), tuple(defaults))}")
        if not isinstance(value, str):
            raise UserError(f"{path}: {name} is {value!r}, expected text in quotation marks")
    return {**defaults, **given}


def path_of_setting(root: Path, settings: Mapping[str, str], name: str, **values: str) -> str:
    """The path, below the root, that a setting's pattern gives.

    Raises:
        UserError: for a pattern with an unknown field, naming the setting.
    """
    pattern, fields = settings[name], ", ".join(f"{{{field}}}" for field in values)
    relative = re.sub(r"\{(\w+)\}", lambda field: values.get(field[1], field[0]), pattern)
    if "{" in relative or "}" in relative:
        raise UserError(f"the setting {name} = {pattern!r} in {root / SETTINGS_FILE} may hold {fields}")
    normal = os.path.normpath(relative)
    if normal == os.pardir or normal.startswith((os.sep, os.pardir + os.sep)):
        raise UserError(f"the setting {name} = {pattern!r} in {root / SETTINGS_FILE} leaves the folder of the data set")
    return relative


def file_of_setting(root: Path, settings: Mapping[str, str], name: str, **values: str) -> str:
    """The path that :func:`path_of_setting` gives, of a file that is there.

    Raises:
        UserError: for a missing file or a pattern with an unknown field, naming the setting.
    """
    relative = path_of_setting(root, settings, name, **values)
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


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a table without header; blank lines are passed over, cells stripped.

    Raises:
        UserError: for a file that is missing or no UTF-8 text.
    """
    reader = csv.reader(io.StringIO(read_text(path, expected="half an extraction?"), newline=""), skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: this is not CSV: {error}") from None


def read_list(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line numbers, names and labels of a list of ``name label``; a name may hold blanks, blank lines are passed over.

    Raises:
        UserError: for a file that is missing or no UTF-8 text.
    """
    for line, content in enumerate(read_text(path, expected="half an extraction?").split("\n"), start=1):
        if content.strip():
            name, _, raw = content.strip().rpartition(" ")
            yield line, name.strip(), raw


def whole_numbers(cells: Sequence[str], count: int) -> list[int]:
    """The first cells of a row as whole numbers, in digits 0-9.

    Raises:
        UserError: for fewer cells than ``count``, or one that is no such number.
    """
    if len(cells) < count:
        raise UserError(f"{len(cells)} cell(s), expected {count}")
    if not all(re.fullmatch(r"-?[0-9]{1,10}", cell) for cell in cells[:count]):
        raise UserError(f"{', '.join(cells[:count])}; expected whole numbers")
    return [int(cell) for cell in cells[:count]]


def class_id(raw: int, first: int, n_classes: int, others: Mapping[int, int] | None = None) -> int:
    """The 0-based class of a label as the files have it: ``raw - first``, or what ``others`` says.

    Raises:
        UserError: for a label of another data set.
    """
    label = (others or {}).get(raw, raw - first)
    if not 0 <= label < n_classes or (others and raw not in others and label in others.values()):
        more = "".join(f", or {value}" for value in others or ())
        last = first + n_classes - 1 - len(others or ())
        raise UserError(f"label {raw}, expected {first}..{last}{more}; labels of another data set?")
    return label


def csv_archive(name: str, rows: Iterable[Sequence[object]]) -> bytes:
    """A flat zip that holds one CSV file; equal rows give equal bytes."""
    table, archive = io.StringIO(), io.BytesIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo(name)  # dated 1980
        file.writestr(entry, table.getvalue(), compress_type=zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def read_joints(
    path: Path, start_frame: int, end_frame: int, *, joints: int, values: int, first_column: int
) -> np.ndarray:
    """Reads the joints of some frames of a recording's CSV file, a row a frame.

    Args:
        path: the CSV file.
        start_frame: first frame (row), from 0.
        end_frame: one past the last.
        joints: J.
        values: values of a joint in a row, of which the first three are read.
        first_column: column of the first joint's first value, from 0.

    Returns:
        ``joints_TJ3`` float32; a joint that was not found is NaN.

    Raises:
        UserError: for a file that is missing, is no table of numbers, or ends before the last frame.
    """
    import numpy as np

    if not path.is_file():
        raise UserError(f"no skeleton at {path}")
    count = end_frame - start_frame
    columns = [first_column + values * joint + axis for joint in range(joints) for axis in range(3)]
    lines: list[str] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = list(itertools.islice(file, start_frame, end_frame))
        # NumPy passes over blank lines and comments, and would take later frames for the missing ones.
        if blank := [start_frame + index + 1 for index, line in enumerate(lines) if not line.strip()]:
            raise UserError(f"the skeleton {path}, line {blank[0]}: the line is blank, expected a frame's joints")
        rows_TV = np.loadtxt(
            lines, delimiter=",", usecols=columns, ndmin=2, dtype=np.float64, comments=None
        ) if lines else np.empty((0, len(columns)))  # fmt: skip
    except (ValueError, OSError) as error:
        raise UserError(
            f"the skeleton {path} is not a table of numbers as expected, from line {start_frame + 1}: {error}"
        ) from None
    if len(rows_TV) < count:
        raise UserError(f"the skeleton {path} ends after frame {start_frame + len(rows_TV)}, expected {end_frame}")
    wrong_TV = ~(np.isnan(rows_TV) | (np.abs(rows_TV) < MAX_JOINT))
    if wrong_TV.any():
        row, column = np.argwhere(wrong_TV)[0]
        raise UserError(
            f"the skeleton {path}, line {start_frame + row + 1}: {rows_TV[row, column]:g} is no place of a joint; "
            "expected a finite number, or nan for a joint that was not found"
        )
    return rows_TV.astype(np.float32).reshape(count, joints, 3)
