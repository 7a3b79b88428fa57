"""FG-Text: the sentences of a data set's classes, one YAML file a data set.

A class has category prompts and, in each of four dimensions, sentences. Classes that share a stage of the movement (two
gestures of the same hand) name it by one key, so that they share its sentences exactly. This module imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct, field

from fgsgl.util import decode_errors
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.files import once, read_text
from fgsgl.util.names import same_name, unprintable
from fgsgl.util.yaml_file import MOST_BYTES, parse_yaml

DIMENSIONS = ("part", "onset", "trajectory", "outcome")
"""The body part that moves; posture and place at the start; path, size, speed, repetition; what it touches, its end."""
CONTROLS = ("true", "shuffled", "names", "random", "static")
"""``shuffled``: each class has other classes' sentences, in each dimension by itself, shared where the true text is
shared. ``names``: the class name is the only sentence of every dimension. ``random``: unit vectors, shared likewise.
``static``: the sentences of part stand in place of those of the trajectory, and of onset in place of the outcome's, so
that none tells of the motion and as many are read."""
STATIC = {"trajectory": "part", "outcome": "onset"}
"""The dimension whose sentences stand in place of another's in static text."""
MIN_SENTENCES = 3
MAX_HEADER, MAX_NAME, MAX_SENTENCE = 10_000, 200, 2_000
"""Most characters of a line of the header, of a class name and of a sentence."""
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassText:
    """The text of one class."""

    id: int
    """0-based, as in the clip table."""
    name: str
    prompts: tuple[str, ...]
    """Category prompts: these, and only these, say the class name."""
    sentences: dict[str, tuple[str, ...]]
    """Dimension -> its sentences."""
    stages: dict[str, str]
    """Dimension -> key of the stage its sentences come from; absent where the sentences are the class's own."""

    def cells(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The five cells: ``prompt`` and the four dimensions, each with its sentences."""
        yield "prompt", self.prompts
        yield from ((dimension, self.sentences[dimension]) for dimension in DIMENSIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class FGText:
    """The text of a data set, checked on construction.

    Raises:
        UserError: for class ids other than 0, 1, 2, ..., a repeated class name, a text that is blank, too long or holds
            control characters, or a cell (prompts, or a dimension) of fewer than three sentences.
    """

    name: str
    author: str
    version: str
    licence: str
    note: str
    classes: tuple[ClassText, ...]

    def __post_init__(self) -> None:
        ids = [entry.id for entry in self.classes]
        if not ids or ids != list(range(len(ids))):
            raise UserError(f"FG-Text {self.name!r} has the class ids {ids}; expected 0, 1, 2, ... in this order")
        first: dict[str, str] = {}
        for entry in self.classes:
            if first.setdefault(same_name(entry.name), str(entry.id)) != str(entry.id):
                raise UserError(f"FG-Text {self.name!r} has the class name {entry.name!r} twice; names must be unique")
        for place, text, most in self._texts():
            if fault := _fault_of_text(text, most):
                raise UserError(f"FG-Text {self.name!r}: {place} {fault}")
        short = [
            f"class {entry.id} ({entry.name}) of FG-Text {self.name!r} has {len(cell)} sentence(s) in {kind!r}"
            for entry in self.classes
            for kind, cell in entry.cells()
            if len(cell) < MIN_SENTENCES
        ]
        if short:
            more = f"; {len(short) - 1} more such cell(s)" if short[1:] else ""
            raise UserError(f"{short[0]}, expected at least {MIN_SENTENCES}{more}")

    def _texts(self) -> Iterator[tuple[str, str, int]]:
        """Every text with its place and the most characters that it may have."""
        for key in ("name", "author", "version", "licence"):
            yield f"its {key}", getattr(self, key), MAX_HEADER
        for entry in self.classes:
            yield f"the name of class {entry.id}", entry.name, MAX_NAME
            for kind, cell in entry.cells():
                yield from (
                    (f"a sentence of class {entry.id} in {kind!r}", sentence, MAX_SENTENCE) for sentence in cell
                )

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the labels."""
        return tuple(entry.name for entry in self.classes)

    def expect_classes(self, names: Sequence[str], where: str) -> None:
        """Refuses to describe a data set whose classes are others, or stand in another order.

        Raises:
            UserError: naming the first class that differs.
        """
        own = self.class_names
        if len(own) != len(names):
            raise UserError(f"FG-Text {self.name!r} has {len(own)} classes, but {where} has {len(names)}")
        for index, (mine, theirs) in enumerate(zip(own, names, strict=True)):
            if mine != theirs:
                raise UserError(f"class {index} is {mine!r} in FG-Text {self.name!r}, but {theirs!r} in {where}")

    def fingerprint(self) -> str:
        """SHA-256 (16 hex digits) over names, prompts and sentences: changes when anything a model reads changes."""
        content = [[entry.name, entry.prompts, entry.sentences] for entry in self.classes]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _fault_of_text(text: str, most: int) -> str:
    """The reason why a text of at most so many characters cannot be used; empty for a sound one."""
    if not text.strip():
        return "is blank"
    if char := unprintable(
        text if most == MAX_NAME else re.sub(r"[\n\t]", " ", text)
    ):  # `text check` tells stray blanks
        return f"holds the control character {char}: {text[:60]!r}"
    return f"has {len(text)} characters, expected at most {most}: {text[:40]!r}..." if len(text) > most else ""


class _ClassShape(Struct, forbid_unknown_fields=True):
    """A class in the file; a dimension is a stage's key, or a list of the class's own sentences."""

    id: int
    name: str
    prompts: list[str]
    part: str | list[str]
    onset: str | list[str]
    trajectory: str | list[str]
    outcome: str | list[str]


class _StagesShape(Struct, forbid_unknown_fields=True):
    part: dict[str, list[str]] = {}
    onset: dict[str, list[str]] = {}
    trajectory: dict[str, list[str]] = {}
    outcome: dict[str, list[str]] = {}


class _FileShape(Struct, forbid_unknown_fields=True):
    name: str
    author: str
    version: str
    licence: str
    note: str
    classes: list[_ClassShape]
    stages: _StagesShape = field(default_factory=_StagesShape)


@cache
def shipped() -> tuple[str, ...]:
    """Names of the texts that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load(name_or_path: str | Path) -> FGText:
    """Reads FG-Text by the name of a shipped one (``smg``), or from a YAML file, again only when it has changed.

    Raises:
        UserError: if there is no such text, or the file is not of this schema: an unknown or repeated key, a missing
            dimension, a stage that does not exist or that no class uses, too few sentences, wrong class ids.
    """
    return _load(_path(name_or_path))


@once
def _load(path: Path) -> FGText:
    yaml_text = _read(path)
    try:
        return parse(yaml_text)
    except UserError as error:
        raise UserError(f"the FG-Text file {path} cannot be used: {error}") from None


def read_file(name_or_path: str | Path) -> str:
    """The YAML of a text, as :func:`load` reads it.

    Raises:
        UserError: if there is no such text, or it is not UTF-8.
    """
    return _read(_path(name_or_path))


def _read(path: Path) -> str:
    missing = "`fgsgl text new TABLE --from-names` writes a draft; many methods read no text (`fgsgl methods`)"
    return read_text(path, "FG-Text file", missing, MOST_BYTES)


def fingerprint(name_or_path: str | Path) -> str:
    """Fingerprint of the text that :func:`load` reads; a file is read again only when it has changed.

    Raises:
        UserError: as :func:`load`.
    """
    return _fingerprint(_path(name_or_path))


@once
def _fingerprint(path: Path) -> str:
    return load(path).fingerprint()


def _path(name_or_path: str | Path) -> Path:
    if isinstance(name_or_path, str) and name_or_path in shipped():
        return _FOLDER / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        raise UserError(
            f"no FG-Text named {str(name_or_path)!r} ({nearest(str(name_or_path), shipped())}); "
            "a file of one's own ends in .yaml"
        )
    return path


def load_classes(name_or_path: str | Path, count: int) -> FGText:
    """Reads FG-Text as :func:`load`, for a model of so many classes.

    Raises:
        UserError: as :func:`load`, or if it has another number of classes.
    """
    text = load(name_or_path)
    if len(text.classes) != count:
        raise UserError(
            f"FG-Text {str(name_or_path)!r} has {len(text.classes)} classes, but the model num_classes={count}; "
            "give the data set's own text"
        )
    return text


def parse(yaml_text: str) -> FGText:
    """FG-Text from the text of a YAML file.

    Raises:
        UserError: as :func:`load`, without the path.
    """
    try:
        shape = msgspec.convert(parse_yaml(yaml_text), _FileShape)
    except msgspec.ValidationError as error:
        raise UserError(_fault(error)) from None
    header = {field: getattr(shape, field) for field in ("name", "author", "version", "licence", "note")}
    text = FGText(**header, classes=tuple(_class_text(entry, shape.stages) for entry in shape.classes))
    for dimension in DIMENSIONS:
        used = {entry.stages.get(dimension) for entry in text.classes}
        if unused := [key for key in getattr(shape.stages, dimension) if key not in used]:
            raise UserError(f"no class uses the stage {unused[0]!r} of {dimension!r}; remove it")
    return text


def dump(text: FGText) -> str:
    """The YAML that :func:`parse` reads back as the same text."""
    stages: dict[str, dict[str, list[str]]] = {}
    rows = []
    for entry in text.classes:
        row: dict[str, Any] = {"id": entry.id, "name": entry.name, "prompts": list(entry.prompts)}
        for dimension in DIMENSIONS:
            row[dimension] = list(entry.sentences[dimension])
            if key := entry.stages.get(dimension):
                stages.setdefault(dimension, {})[key] = row[dimension]
                row[dimension] = key
        rows.append(row)
    header = {key: value for key, value in asdict(text).items() if key != "classes"}
    return yaml.safe_dump({**header, "stages": stages, "classes": rows}, sort_keys=False, allow_unicode=True, width=110)


def _class_text(entry: _ClassShape, stages: _StagesShape) -> ClassText:
    sentences, keys = {}, {}
    for dimension in DIMENSIONS:
        cell = getattr(entry, dimension)
        if isinstance(cell, str):
            known = getattr(stages, dimension)
            if cell not in known:
                raise UserError(
                    f"class {entry.id} ({entry.name}) names the stage {cell!r} in {dimension!r}, which does not exist; "
                    f"{nearest(cell, tuple(known))} (or give a list of sentences)"
                )
            keys[dimension], cell = cell, known[cell]
        sentences[dimension] = tuple(cell)
    return ClassText(id=entry.id, name=entry.name, prompts=tuple(entry.prompts), sentences=sentences, stages=keys)


def _fault(error: msgspec.ValidationError) -> str:
    """One line about the first thing that was refused, such as ``classes.3.prompts``."""
    says, places = decode_errors.located(error)
    dotted = ".".join(places)
    if key := decode_errors.refused_key(says, "contains unknown"):
        shape = {(): _FileShape, ("stages",): _StagesShape}.get(tuple(places), _ClassShape)
        return f"unknown key {'.'.join([*places, key])!r}; {nearest(key, shape.__struct_fields__)}"
    if key := decode_errors.refused_key(says, "missing required"):
        return f"the key {'.'.join([*places, key])!r} is missing"
    if says.startswith("Expected `str`"):
        return f"{dotted}: expected text; a sentence with a colon, or a number, needs quotation marks"
    return f"{dotted or 'the file'}: {says[0].lower()}{says[1:]}"
