"""What ``plan.json`` of a results folder holds: cells to be run, the designs they belong to, and searches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from fgsgl.records.ledger import Count, Kind, ProtocolName
from fgsgl.records.record import Record
from fgsgl.util.decode_errors import fault
from fgsgl.util.errors import UserError
from fgsgl.util.files import write_whole

_Row = TypeVar("_Row", bound=Struct)


class Planned(Struct, frozen=True, kw_only=True):
    """A cell of ``plan.json``."""

    cell_id: str
    method: str
    variant: str
    seed: int
    kind: Kind
    protocol: ProtocolName
    protocol_hash: str


class Arm(Struct, frozen=True):
    """A combination of factors, and the variant of FG-SGL whose row stands for it."""

    off: list[str]
    variant: str
    """As in the records, but ``""`` for FG-SGL itself."""


class Design(Struct, frozen=True, kw_only=True):
    """A design of ``plan.json``: arms over some factors, which are one family of comparisons."""

    design: str
    protocol_hash: str
    seeds: Annotated[int, Meta(ge=1)]
    factors: Annotated[list[str], Meta(min_length=1)]
    arms: Annotated[list[Arm], Meta(min_length=1)]
    """The first is what the others are compared with."""
    aliases: list[str] = []

    def __post_init__(self) -> None:
        offs = [tuple(arm.off) for arm in self.arms]
        if len(set(offs)) < len(offs):
            raise ValueError("two arms have the same factors off")
        for name in {name for off in offs for name in off} - set(self.factors):
            raise ValueError(f"an arm is without {name!r}, which is none of the factors")


class Tuning(Struct, frozen=True, kw_only=True):
    """A search of ``plan.json``: how the settings of a row were found, and what that cost."""

    method: str
    variant: str
    protocol_hash: str
    """Of the row, whose cells open the test split; the trials ran under one of their own."""
    space: str
    objective: Annotated[list[str], Meta(min_length=1)]
    """Measured on the validation split; the first chose the winner."""
    studies: Annotated[list[str], Meta(min_length=1)]
    """Independent searches."""
    trials: Count
    """Of all studies, the pruned and the failed among them."""
    pruned: Count
    failed: Count
    cell_hours: Annotated[float, Meta(ge=0)]
    """Of all cells of the trials, each billed once."""
    gpu_hours: Annotated[float, Meta(ge=0)]
    sampler: str
    pruner: str


def load_plan(folder: Path, records: Sequence[Record]) -> tuple[Planned, ...]:
    """The cells of ``<folder>/plan.json``, with a record or without; none if there is no such file.

    ``{"cells": [{"cell_id", "method", "variant", "seed", ...}]}``; a cell that does not give its ``kind``,
    ``protocol`` or ``protocol_hash`` takes ``method`` and those of the first record.

    Raises:
        UserError: if the file is not such a plan.
    """
    common = {"kind": "method", "protocol": records[0].protocol, "protocol_hash": records[0].protocol_hash}
    return _of_plan(folder, "cells", Planned, common)


def load_designs(folder: Path) -> tuple[Design, ...]:
    """The designs of ``<folder>/plan.json``; none if there is no such file, or none in it.

    Raises:
        UserError: if the file is not such a plan.
    """
    return _of_plan(folder, "designs", Design)


def load_tunings(folder: Path) -> tuple[Tuning, ...]:
    """The searches of ``<folder>/plan.json``; none if there is no such file, or none in it.

    Raises:
        UserError: if the file is not such a plan.
    """
    return _of_plan(folder, "tunings", Tuning)


def _of_plan(folder: Path, part: str, kind: type[_Row], common: Mapping[str, Any] | None = None) -> tuple[_Row, ...]:
    path = folder / "plan.json"
    if not path.exists():
        return ()
    try:
        plan = {"designs": [], "tunings": []} | msgspec.json.decode(path.read_bytes())
        return tuple(_entry(path, part, {**(common or {}), **row}, kind) for row in plan[part])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f'the plan {path} cannot be read: {error}; expected {{"cells": [...]}}') from None


def _entry(path: Path, part: str, row: dict[str, Any], kind: type[_Row]) -> _Row:
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"the plan {path} has an entry in {part} that cannot be read: {fault(error, row)}") from None


def title_of(name: str, factors: Sequence[str], aliases: Sequence[str]) -> str:
    """``factorial over fgsa, cpa``; a design with aliases is half of one."""
    return f"{'half of the ' if aliases else ''}{name} over {', '.join(factors)}"


def write_plan(
    path: Path,
    planned: Sequence[Planned],
    designs: Sequence[Design] = (),
    tunings: Sequence[Tuning] = (),
) -> None:
    """Adds the cells to the folder's ``plan.json``, so that the board also shows those without a record.

    A cell takes the place of one with the same name and seed under the same protocol (planned with other settings); a
    design that of one over the same factors under the same protocol; a tuning that of the same row under the same
    protocol.
    """
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"cells": []}
    rows = {_place(row): row for row in known["cells"]}
    shared = {id(item.cell.protocol): item.cell.protocol for item in planned}
    protocols = {key: {"protocol": one.as_dict(), "protocol_hash": one.hash()} for key, one in shared.items()}
    for item in planned:
        cell = item.cell
        row = {
            "cell_id": cell.cell_id,
            "method": cell.variant.method,
            "variant": cell.variant.name,
            "kind": cell.method.kind,
            "seed": cell.seed,
            **protocols[id(cell.protocol)],
        }
        rows[_place(row)] = row
    families = {_family(row): row for row in (*known.get("designs", ()), *map(msgspec.to_builtins, designs))}
    searches = {_row(row): row for row in (*known.get("tunings", ()), *map(msgspec.to_builtins, tunings))}
    parts = {"designs": list(families.values()), "tunings": list(searches.values())}
    plan = {"cells": list(rows.values())} | {name: part for name, part in parts.items() if part}
    if plan != known or not path.exists():
        text = "{" + ",\n".join(f'"{name}": [\n{_lines(part)}\n]' for name, part in plan.items()) + "}\n"
        write_whole(path, text)


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return ",\n".join(map(json.dumps, rows))


def _place(row: dict) -> tuple:
    return *_row(row), row["seed"]


def _row(row: dict) -> tuple:
    return row["method"], row["variant"], row["protocol_hash"]


def _family(row: dict) -> tuple:
    return row["design"], tuple(row["factors"]), bool(row.get("aliases")), row["protocol_hash"]
