"""Reading a record: a file may come from anywhere, so every value is checked once. Imports neither torch nor NumPy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from fgsgl.records.curve import epoch_fault
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import SCHEMA, Done, Failed, Pruned, Record
from fgsgl.util.decode_errors import fault
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular

MOST_BYTES = 2**26
"""Largest file of a record that is read."""


class _Protocols(Struct):
    """The protocol of a record or a planned cell, with all its keys."""

    protocol: dict[str, Any]


_DECODER = msgspec.json.Decoder(Done | Failed | Pruned)
_PROTOCOLS = msgspec.json.Decoder(_Protocols)
_PROTOCOL_KEYS = {field.name for field in dataclasses.fields(Protocol)}


def read_record(path: Path) -> Done | Failed | Pruned:
    """Reads and checks one record.

    Raises:
        UserError: if it is not a record of this schema version, or a value in it cannot be.
    """
    try:
        content = read_regular(path, MOST_BYTES)
    except UserError as error:
        raise UserError(f"no record: {error}") from None
    return decode_record(content, path)


def decode_record(content: bytes, path: Path) -> Done | Failed | Pruned:
    """A record from the bytes of its file, which ``path`` names in errors.

    Raises:
        UserError: as :func:`read_record`.
    """
    try:
        record = _DECODER.decode(content)
    except UserError as error:  # of the protocol
        raise UserError(f"the record {path} cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(_refusal(content, path, error)) from None
    if f"{record.cell_id}.json" != path.name:
        raise UserError(f"the record {path} names itself {record.cell_id!r}; a record's file name is its cell id")
    reason = protocol_misfit(_PROTOCOLS.decode(content).protocol, record.protocol, record.protocol_hash)
    if reason or (reason := _misfit(record)):
        raise UserError(f"the record {path} cannot stand on a board: {reason}")
    return record


def _refusal(content: bytes, path: Path, error: ValueError | RecursionError) -> str:
    """Says what is wrong with a file that is no record."""
    try:
        whole = msgspec.json.decode(content)
    except (ValueError, RecursionError) as broken:
        return f"the record {path} cannot be read: {broken}"
    version = whole.get("schema") if isinstance(whole, dict) else None
    if version != SCHEMA:
        return (
            f"the record {path} has schema version {version!r}, expected {SCHEMA}; "
            "move it away, or read it with the release that wrote it"
        )
    said = fault(error, whole) if isinstance(error, ValueError) else error
    return f"the record {path} cannot stand on a board: {said}"


def protocol_misfit(given: Iterable[str], protocol: Protocol, stated: str) -> str:
    """What is wrong with a protocol in a file: a key that nobody knows, or a hash that is not its own; empty: nothing.

    Args:
        given: the keys that the file has.
        protocol: as this version reads it.
        stated: the hash that stands beside it.
    """
    for key in set(given) - _PROTOCOL_KEYS:
        return f"its protocol has the unknown key {key!r}; read it with the release that wrote it"
    if (own := _hash(protocol)) != stated:
        return (
            f"protocol_hash is {stated!r}, but its protocol has the hash {own!r}; one of the two was changed, or is of "
            "another version of the code"
        )
    return ""


@lru_cache(1000)
def _hash(protocol: Protocol) -> str:
    return protocol.hash()


def _misfit(record: Record) -> str:
    """The fault of a record that its types cannot show; empty: there is none."""
    try:
        datetime.fromisoformat(record.started_utc)
    except ValueError:
        return f"started_utc is {record.started_utc!r:.60}, expected a time such as 2026-01-31T12:00:00+00:00"
    for name, text in (("method", record.method), ("variant", record.variant)):
        if not text.isprintable():
            return f"{name} is {text!r:.60}, expected printable text"
    for place, row in enumerate(record.curve):
        if said := epoch_fault(row):
            return f"curve[{place}] {said}"
    if not isinstance(record, Done):
        return ""
    if "total" not in record.times_s:
        return "times_s has no total"
    metrics, classes = record.metrics, record.data.classes
    if len(metrics.per_class) != len(classes):
        return f"metrics.per_class has {len(metrics.per_class)} rows, but there are {len(classes)} classes"
    maps = record.localisation
    if maps and maps.pointing.keys() != maps.energy.keys():
        return (
            f"localisation has pointing of {', '.join(maps.pointing)}, but energy of {', '.join(maps.energy)}; "
            "expected the same maps"
        )
    return ""
