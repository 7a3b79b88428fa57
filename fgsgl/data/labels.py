"""Labels and class names of the user's own data: what counts as a label, and what as the name of a class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from fgsgl.data.faults import Fault, FaultyData
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.files import read_text
from fgsgl.util.names import same_name, unprintable

HIDDEN = ("", "-1")
"""Cells that hide a label, as lists of a challenge's test clips have them."""
PLACEHOLDERS = ("?", "nan", "n/a", "na", "null", "<na>", "#n/a", "-", "--")
"""Cells that tools write where a value is missing; they name no class."""
MAX_CLASSES = 10_000
MAX_NAME = 200
"""Most characters of a class name."""
ONE_LABEL = (
    "a clip has one class here; give the clip its main class, or make each combination that occurs a class with a name "
    "of its own"
)


def numbered_names(count: int) -> tuple[str, ...]:
    """Names of classes that nothing names: ``class 0``, ``class 1``, ...

    Raises:
        UserError: for more than :data:`MAX_CLASSES`.
    """
    if count > MAX_CLASSES:
        raise UserError(f"the largest label is {count - 1}, expected at most {MAX_CLASSES} classes, numbered from 0")
    return tuple(f"class {number}" for number in range(count))


def read_class_names(path: Path) -> tuple[str, ...]:
    """Names from a class file: line N, from 0, names label N. Only the end of the file may hold blank lines.

    Raises:
        FaultyData: for a blank line between names, a name twice (also in other case or spacing), one that is a
            number other than its own label, a placeholder, too long, or holds control characters; or for no name.
        UserError: for a file that is missing, too large or not UTF-8.
    """
    lines = [line.strip(" \t\r") for line in read_text(path).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not 2 <= len(lines) <= MAX_CLASSES:
        raise UserError(f"{path} names {len(lines)} class(es), expected 2 to {MAX_CLASSES}, a name a line")
    faults, first = [], dict[str, int]()
    for label, name in enumerate(lines):
        what = _fault_of_name(name)
        if not name:
            what = f"the line is blank, but names label {label}: every later name would shift; fill or remove it"
        elif is_number(name) and name != str(label):
            what = f"the name {name!r} is a number, but this line names label {label}; write the class's name"
        elif (other := first.setdefault(same_name(name), label)) != label:
            what = f"the name {name!r} stands in line {other + 1} too ({lines[other]!r}); names must be unique"
        if what:
            faults.append(Fault(file=str(path), line=label + 1, what=what))
    if faults:
        raise FaultyData(faults)
    return tuple(lines)


def names_in(labels: Iterable[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Class names in the labels of a table that has no class file, in alphabetical order; and the labels that are none.

    Args:
        labels: cells, those that hide a label among them.

    Returns:
        names, and for each label that cannot be a name the reason.

    Raises:
        UserError: for more than :data:`MAX_CLASSES` labels.
    """
    found = sorted(set(labels) - set(HIDDEN))
    if len(found) > MAX_CLASSES:
        raise UserError(
            f"{len(found)} different labels, expected at most {MAX_CLASSES} classes; is `label` a column of ids?"
        )
    faults = {label: what for label in found if (what := _fault_of_name(label))}
    known = {same_name(label): label for label in reversed(found)}
    parts = Counter(part for label in found for part in {same_name(part) for part in _parts(label, ";|")})
    repeated = {part for part, count in parts.items() if count > 1}
    for label in found:
        other = known[same_name(label)]
        if label in faults:
            continue
        if several := _several(label, repeated, known):
            faults[label] = (
                f"label {label!r} holds several labels ({', '.join(several)}); {ONE_LABEL} (if it is the name of one "
                "class, write all names in the class file)"
            )
        elif is_number(label):
            faults[label] = f"label {label!r} is a number among names; use names only, or numbers and a class file"
        elif other != label:
            faults[label] = f"label {label!r} and label {other!r} differ only in case, blanks or invisible characters"
    return tuple(label for label in found if label not in faults), faults


def label_of(cell: str, id_of: Mapping[str, int]) -> int | None:
    """The label that a cell gives: a class's name or its number; None where it hides the label.

    Raises:
        UserError: for anything else.
    """
    if cell in HIDDEN:
        return None
    if cell in id_of:
        return id_of[cell]
    if is_number(cell):
        return int(cell)
    if several := _several(cell, known := {same_name(name) for name in id_of}, known):
        raise UserError(f"label {cell!r} holds several labels ({', '.join(several)}); {ONE_LABEL}")
    raise UserError(
        f"label {cell!r} is neither a number nor the name of a class; {nearest(cell, tuple(id_of)[:50])} "
        "(blank or -1 hides the label of a test clip)"
    )


def is_number(text: str) -> bool:
    """Whether a text is a whole number in digits 0-9, as labels are."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def mixed(cells: Iterable[str], id_of: Mapping[str, int]) -> frozenset[str]:
    """Labels that are numbers in a table of names, or names in one of numbers: those of the rarer kind."""
    known = [cell for cell in cells if cell not in HIDDEN and (is_number(cell) or cell in id_of)]
    numbers = [cell for cell in known if is_number(cell)]
    return frozenset(numbers if 2 * len(numbers) <= len(known) else set(known) - set(numbers))


def _fault_of_name(name: str) -> str:
    """The reason why a text names no class; empty for a name."""
    if char := unprintable(name):
        return f"the name {name[:MAX_NAME]!r} holds the control character {char}"
    if len(name) > MAX_NAME:
        return f"the name {name[:40]!r}... has {len(name)} characters, expected at most {MAX_NAME}"
    if name and (name.casefold() in PLACEHOLDERS or not same_name(name)):
        return f"label {name!r} stands for a missing value, not for a class; leave it blank to hide a test clip's label"
    return ""


def _several(label: str, some: Collection[str], all_: Collection[str]) -> list[str]:
    """The labels that a cell seems to hold: a list in brackets, or parts between separators; none where it is one name.

    Args:
        label: the cell.
        some: keys of labels; one of them between ``;`` or ``|`` is enough.
        all_: keys of labels; between ``,/+&`` every part must be one of them.
    """
    if label[:1] + label[-1:] in ("[]", "{}"):
        return list(_parts(label[1:-1], ";|,"))
    for separators, known, enough in ((";|", some, any), (",/+&", all_, all), (" ", (), all)):
        parts = list(_parts(label, separators))
        if len(parts) > 1 and enough(is_number(part) or same_name(part) in known for part in parts):
            return parts
    return []


def _parts(text: str, separators: str) -> Iterator[str]:
    for part in re.split(f"[{re.escape(separators)}]", text):
        if part.strip(" '\""):
            yield part.strip(" '\"")
