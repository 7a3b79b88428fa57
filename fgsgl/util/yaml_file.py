"""YAML from elsewhere, read as plain values: a file can neither run code, nor grow without bounds, nor surprise.

Numbers are decimal, without underscores; ``0x1F``, ``010``, ``1_000``, ``1:30`` and dates are text. Tags, merge keys,
NaN and infinity are refused, and so is a key that stands twice in one mapping.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular

MOST_BYTES = 8 * 2**20
MOST_DEPTH = 32
MOST_VALUES = 500_000
"""A value counts again wherever an alias repeats it: aliases of aliases would make a thousand million of nine lines."""

WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    **{word: True for plain in ("true", "yes", "on") for word in (plain, plain.title(), plain.upper())},
    **{word: False for plain in ("false", "no", "off") for word in (plain, plain.title(), plain.upper())},
}  # fmt: skip
"""Unquoted words that are no text, in YAML 1.1."""
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml may be missing


def read_yaml(path: Path) -> Any:
    """The values of a YAML file in UTF-8, with or without a byte order mark.

    Raises:
        UserError: with the path, for what is no regular file, is too large, or as :func:`parse_yaml`.
    """
    content = read_regular(path, MOST_BYTES)
    try:
        return parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} cannot be read: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except UserError as error:
        raise UserError(f"{path} cannot be read: {error}") from None


def parse_yaml(text: str) -> Any:
    """None, a bool, int, finite float, text, or lists and mappings of these; None for an empty text.

    Raises:
        UserError: with the line, for a text that is not YAML or holds something else, is nested too deep or too large.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Parser):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise UserError(f"{where}not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise UserError(f"not YAML: {' '.join(str(error).split())}") from None
    return builder.document


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come."""

    value: list[Any] | dict[Any, Any]
    anchor: str | None
    before: int
    """Values that were counted before it."""
    key: Any = None
    has_key: bool = False
    """Whether the next value belongs to :attr:`key`."""


class _Builder:
    """The values of a stream of events. Nothing recurses, so that no depth can exhaust the stack."""

    def __init__(self) -> None:
        self.document: Any = None
        self.documents = 0
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        """The value of each anchor, and how many values it holds."""
        self.count = 0

    def take(self, event: Event) -> None:
        """Takes the next event."""
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _fault(event, "a second document begins; expected one")
        elif isinstance(event, CollectionEndEvent):
            self._close()
        elif isinstance(event, NodeEvent):
            self._node(event)

    def _node(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent):
            if event.anchor not in self.anchors:
                raise _fault(event, f"*{event.anchor} has no complete anchor before it")
            value, size = self.anchors[event.anchor]
            self._count(event, size)
            self._put(event, value)
            return
        if event.tag is not None:
            raise _fault(event, f"the tag {_short_tag(event.tag)}; values are written plain, text in quotation marks")
        if isinstance(event, ScalarEvent):
            self._count(event, 1)
            value = event.value if event.style else plain_value(event.value, event)
            if event.anchor:
                self.anchors[event.anchor] = value, 1
            self._put(event, value)
        elif isinstance(event, CollectionStartEvent):
            if len(self.open) >= MOST_DEPTH:
                raise _fault(event, f"lists and mappings stand within each other more than {MOST_DEPTH} deep")
            collection: list[Any] | dict[Any, Any] = {} if isinstance(event, MappingStartEvent) else []
            before = self.count
            self._count(event, 1)
            self._put(event, collection)
            self.open.append(_Open(collection, event.anchor, before))

    def _count(self, event: Event, values: int) -> None:
        self.count += values
        if self.count > MOST_VALUES:
            raise _fault(event, f"more than {MOST_VALUES} values, those that aliases repeat included")

    def _put(self, event: Event, value: Any) -> None:
        """Puts a value where it belongs: in the innermost list, as key or value of the innermost mapping."""
        if not self.open:
            self.document = value
            return
        place = self.open[-1]
        if isinstance(place.value, list):
            place.value.append(value)
        elif place.has_key:
            place.value[place.key] = value
            place.has_key = False
        else:
            place.key, place.has_key = _key(event, value, place.value), True

    def _close(self) -> None:
        place = self.open.pop()
        if place.anchor:
            self.anchors[place.anchor] = place.value, self.count - place.before


def plain_value(text: str, event: Event | None = None) -> Any:
    """The value of an unquoted word: None, a bool, a decimal number, or text.

    Raises:
        UserError: for NaN, infinity, or a number that is too large to be stored.
    """
    if text in WORDS:
        return WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise _fault(event, f"{text} is no number that can be used; expected a finite one")
    if _INTEGER.fullmatch(text):
        if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
            raise _fault(event, f"{text:.24} has too many digits; expected a number of at most 18, or quotation marks")
        return int(text)
    if _FLOAT.fullmatch(text) and not _LEADING_ZERO.fullmatch(text):
        if not math.isfinite(float(text)):
            raise _fault(event, f"{text:.24} is too large for a number")
        return float(text)
    return text


def _key(event: Event, key: Any, mapping: dict[Any, Any]) -> Any:
    if isinstance(key, (list, dict)):
        raise _fault(event, "a list or mapping stands as a key; expected a word")
    if key == "<<" and isinstance(event, ScalarEvent) and not event.style:
        raise _fault(event, "the merge key <<; write the keys out")
    if key in mapping:
        raise _fault(event, f"the key {key!r:.80} stands twice in one mapping")
    return key


def _fault(event: Event | None, says: str) -> UserError:
    return UserError(f"line {event.start_mark.line + 1}: {says}" if event is not None else says)


def _short_tag(tag: str) -> str:
    return "!!" + tag.removeprefix("tag:yaml.org,2002:") if tag.startswith("tag:yaml.org,2002:") else f"{tag:.60}"
