"""Readers that the released data sets share: label lists, tables without header, skeletons."""

from __future__ import annotations

import csv
import io
import itertools
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.datasets._tree import counted
from fgsgl.util.errors import UserError
from fgsgl.util.files import DELIMITERS, csv_text, read_text

if TYPE_CHECKING:
    import numpy as np

    from fgsgl.data.clip_table import Clip

MAX_JOINT = 1e6
"""No joint is so far away, in metres or in pixels."""


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a table without header; blank lines are passed over, cells stripped.

    Commas, semicolons or tabs part the cells, whichever the first row has most of.

    Raises:
        UserError: for a file that is missing or no UTF-8 text.
    """
    text = read_text(path, expected="half an extraction?")
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, delimiter=delimiter)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: this is not CSV: {error}") from None


def read_list(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line numbers, names and labels of a list of ``name label``; a name may hold blanks, blank lines are passed over.

    A blank, a tab, a comma or a semicolon stands before the label. A line with a name alone has the label ``""``.

    Raises:
        UserError: for a file that is missing or no UTF-8 text.
    """
    for line, content in enumerate(read_text(path, expected="half an extraction?").split("\n"), start=1):
        if content.strip(" \t,;"):
            name, *label = re.split(r"[\s,;]+(?=[^\s,;]*$)", content.strip(" \t,;"), maxsplit=1)
            yield line, name, "".join(label)


def whole_numbers(cells: Sequence[str], names: Sequence[str]) -> list[int]:
    """Cells of a row as whole numbers, in digits 0-9.

    Args:
        cells: as many as names, or more, which are passed over.
        names: what each cell is called.

    Raises:
        UserError: for one that is no such number.
    """
    for name, cell in zip(names, cells, strict=False):
        if not re.fullmatch(r"-?[0-9]{1,10}", cell):
            raise UserError(f"{name} is {cell!r}, expected a whole number")
    return [int(cell) for cell in cells[: len(names)]]


def cells_of_clip(cells: Sequence[str]) -> tuple[str, int, int]:
    """The label as it stands, first and last frame of a row of ``label,start,end``.

    Raises:
        UserError: for fewer cells, or frames that are no whole numbers.
    """
    names = ("label", "start", "end")
    if len(cells) < len(names):
        raise UserError(f"{len(cells)} cell(s) ({', '.join(cells)}), expected {len(names)}: {', '.join(names)}")
    start, end = whole_numbers(cells[1:], names[1:])
    return cells[0], start, end


def nothing_in(tables: Sequence[str]) -> list[str]:
    """A line about label tables without a row; none where all have some."""
    return [f"{len(tables)} label table(s) hold no clip: {counted(tables)}"] if tables else []


def without_labels(recordings: Sequence[str]) -> list[str]:
    """A line about recordings whose video has no label table; none where all have one."""
    if not recordings:
        return []
    return [f"{len(recordings)} video(s) have no label table and are left out: {counted(recordings)}"]


def class_id(cell: str, first: int, n_classes: int, others: Mapping[int, int] | None = None) -> int:
    """The 0-based class of a label as the files have it: ``label - first``, or what ``others`` says.

    Raises:
        UserError: for a label that is no whole number, or of another data set.
    """
    (raw,) = whole_numbers([cell], ["label"])
    label = (others or {}).get(raw, raw - first)
    if not 0 <= label < n_classes or (others and raw not in others and label in others.values()):
        more = "".join(f", or {value}" for value in others or ())
        last = first + n_classes - 1 - len(others or ())
        raise UserError(f"label {raw}, expected {first}..{last}{more}; labels of another data set?")
    return label


def csv_archive(name: str, rows: Iterable[Sequence[object]]) -> bytes:
    """A flat zip that holds one CSV file; equal rows give equal bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo(name)  # dated 1980
        file.writestr(entry, csv_text(rows), compress_type=zipfile.ZIP_DEFLATED)
    return archive.getvalue()


@dataclass(frozen=True, kw_only=True, slots=True)
class JointTable:
    """The form of a recording's skeleton file: a CSV table with a row a frame, the same number of values a joint."""

    first_column: int
    """Column of the first joint's first value, from 0."""
    joints: int
    """Joints in a row."""
    values: int
    """Values of a joint, of which the first three are read."""
    wanted: Sequence[int]
    """Indices of the joints that are read, in the order of the layout."""
    may_end_early: bool = False
    """Whether frames after the last row are missing joints; else such a file is refused."""

    @property
    def columns(self) -> int:
        """Columns of a row."""
        return self.first_column + self.joints * self.values


def refuse_cut_clips(root: Path, clips: Sequence[Clip]) -> None:
    """Refuses clips that are whole files, where skeletons are of whole recordings.

    Raises:
        UserError: for any.
    """
    if any(clip.end_frame == 0 for clip in clips):
        raise UserError(
            f"the clips at {root} are cut files, and skeletons are of whole recordings; methods that read them need a "
            "copy with whole recordings"
        )


def read_joints(path: Path, start_frame: int, end_frame: int, form: JointTable) -> np.ndarray:
    """Reads the joints of some frames of a recording's CSV file.

    A first row that holds no frame but the names or numbers of its columns is passed over.

    Args:
        path: the CSV file.
        start_frame: first frame, from 0.
        end_frame: one past the last.
        form: what a row holds.

    Returns:
        ``joints_TJ3`` float32; a joint that was not found is NaN.

    Raises:
        UserError: for a file that is missing, is no table of numbers, has other columns, whose index does not count
            its rows, or that ends before the last frame.
    """
    import numpy as np

    if not path.is_file():
        raise UserError(f"no skeleton at {path}")
    count = end_frame - start_frame
    columns = [form.first_column + form.values * joint + axis for joint in form.wanted for axis in range(3)]
    first = start_frame + 1
    try:
        with path.open(encoding="utf-8-sig") as file:
            head = file.readline()
            first += (skipped := _is_header(head, form))
            earliest = file.readline() if skipped else head
            lines = list(itertools.islice(itertools.chain([earliest] * bool(earliest), file), start_frame, end_frame))
        lines = [line.rstrip().removesuffix(",") for line in lines]
        while lines and len(lines) < count and not lines[-1]:  # blank lines after the last frame
            lines.pop()
        # NumPy passes over blank lines and comments, and would take later frames for the missing ones.
        for line, text in enumerate(lines, start=first):
            if not text:
                raise UserError(f"the skeleton {path}, line {line}: the line is blank, expected a frame's joints")
            if (found := text.count(",") + 1) != form.columns:
                raise UserError(f"the skeleton {path}, line {line}: {_other_columns(found, form)}")
            if form.first_column and (wrong := _wrong_index(text, earliest, start_frame + line - first)):
                raise UserError(f"the skeleton {path}, line {line}: {wrong}")
        rows_TV = np.loadtxt(
            lines, delimiter=",", usecols=columns, ndmin=2, dtype=np.float64, comments=None
        ) if lines else np.empty((0, len(columns)))  # fmt: skip
    except (ValueError, OSError) as error:
        raise UserError(
            f"the skeleton {path} is not a table of numbers as expected, from line {first}: {error}"
        ) from None
    if len(rows_TV) < count and not form.may_end_early:
        raise UserError(f"the skeleton {path} ends after frame {start_frame + len(rows_TV)}, expected {end_frame}")
    wrong_TV = ~(np.isnan(rows_TV) | (np.abs(rows_TV) < MAX_JOINT))
    if wrong_TV.any():
        row, column = np.argwhere(wrong_TV)[0]
        raise UserError(
            f"the skeleton {path}, line {first + row}: {rows_TV[row, column]:g} is no place of a joint; "
            "expected a finite number, or nan for a joint that was not found"
        )
    joints_TV = np.full((count, len(columns)), np.nan, np.float32)
    joints_TV[: len(rows_TV)] = rows_TV
    return joints_TV.reshape(count, len(form.wanted), 3)


def _is_header(line: str, form: JointTable) -> bool:
    """Whether a first row names the columns, or those after the index: by counting them, or by words alone."""
    names = [cell.strip(" \"'\r\n") for cell in line.split(",")][form.first_column :]
    counted = any(names == [str(number) for number in range(start, start + len(names))] for start in (0, 1))
    return len(names) > 1 and (counted or not any(map(_is_number, names)))


def _wrong_index(line: str, earliest: str, frame: int) -> str:
    """What is wrong with the index of a row; empty for a sound one, or an index that does not count.

    Rows that are missing, or in another order, would give every later frame the joints of another one.

    Args:
        line: the row.
        earliest: the file's first row.
        frame: the row's number, from 0.
    """
    index, origin = (cells.partition(",")[0].strip(" \"'") for cells in (line, earliest))
    if not _is_number(origin):
        return ""
    if float(origin) not in (0, 1):
        return f"the index begins with {origin}, expected 0 or 1: rows before it are missing"
    wanted = frame + int(float(origin))
    if _is_number(index) and float(index) == wanted:
        return ""
    return f"the index is {index}, expected {wanted}: rows are missing, or in another order"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _other_columns(found: int, form: JointTable) -> str:
    """Says which skeleton a row of another length seems to be."""
    before = f"{form.first_column} index column and " if form.first_column else ""
    expected = f"{found} columns, expected {form.columns} ({before}{form.joints} joints of {form.values} values)"
    for points, name in ((137, "all 137 points of OpenPose"), (25, "the 25 points of BODY_25"), (22, "22 points")):
        if points != form.joints and found in (3 * points, 3 * points + 1):
            return f"{expected}; this file seems to hold {name}, which are not read"
    return expected
