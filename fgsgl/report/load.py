"""What lies in a results folder, read and checked: the ledger's records and the cells that were planned.

A file may come from anywhere, so whatever the report computes with is checked here, once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from fgsgl.bench.record import Record, read_record
from fgsgl.errors import UserError

_Row = TypeVar("_Row")
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Kind = Literal["method", "floor", "ceiling"]


class _Part(BaseModel):
    """A part of a record, as far as a report reads it; what it does not read may be anything."""

    model_config = ConfigDict(strict=True, from_attributes=True, allow_inf_nan=False)


class _Protocol(_Part):
    dataset: str
    preset: str


class _Class(_Part):
    n: int
    recall: Share | None
    precision: Share | None
    f1: Share | None


class _Score(_Part):
    top1: Share


class _Metrics(_Score):
    n_clips: int
    top5: Share
    mean_class: Share
    macro_f1: Share
    per_class: list[_Class]
    by_score: dict[str, _Score] = {}


class _Test(_Part):
    test: int


class _Audit(_Part):
    clip_ids: Count
    subjects: Count
    videos: Count
    sentences: Count | None


class _Data(_Part):
    fingerprint: str
    classes: list[str]
    n_clips: _Test
    n_subjects: _Test
    majority: Share
    split_sha256: str
    skipped: list[dict[str, Any]] = []
    audit: _Audit | None = None


class _Hits(_Part):
    r1: Share
    sentences: Annotated[int, Field(ge=1)]
    largest: Share


class _Localisation(_Part):
    n_clips: int
    pointing: dict[str, Share]
    energy: dict[str, Share]
    clips_sha256: str | None = None
    readout: dict[str, dict[str, _Hits]] | None = None

    @model_validator(mode="after")
    def _same_maps(self) -> Self:
        if self.pointing.keys() != self.energy.keys():
            raise ValueError("pointing and energy must be of the same maps")
        return self


class _Failure(_Part):
    class_: str = Field(alias="class")
    message: str


class _Any(_Part):
    cell_id: str
    method: str
    variant: str
    kind: Kind
    seed: int
    protocol: _Protocol
    protocol_hash: str
    config: dict[str, Any]
    pretraining: str
    environment: dict[str, Any]
    hardware: dict[str, Any]
    started_utc: str
    times_s: dict[str, float]


class _Done(_Any):
    status: Literal["done"]
    data: _Data
    params: int | None
    trainable_params: int | None
    peak_memory_mib: float | None = None
    cost: dict[str, float] = {}
    curve: list[dict[str, float]]
    metrics: _Metrics
    localisation: _Localisation | None = None


class _Failed(_Any):
    status: Literal["failed"]
    failure: _Failure


class _Pruned(_Any):
    status: Literal["pruned"]


class Planned(_Part):
    """A cell of ``plan.json``."""

    cell_id: str
    method: str
    variant: str
    seed: int
    kind: Kind
    protocol: _Protocol
    protocol_hash: str


class Arm(_Part):
    """A combination of factors, and the variant of FG-SGL whose row stands for it."""

    off: list[str]
    variant: str
    """As in the records, but ``""`` for FG-SGL itself."""


class Design(_Part):
    """A design of ``plan.json``: arms over some factors, which are one family of comparisons."""

    design: str
    protocol_hash: str
    seeds: int = Field(ge=1)
    factors: list[str] = Field(min_length=1)
    arms: list[Arm] = Field(min_length=1)
    """The first is what the others are compared with."""
    aliases: list[str] = []

    @model_validator(mode="after")
    def _fits(self) -> Design:
        offs = [tuple(arm.off) for arm in self.arms]
        if len(set(offs)) < len(offs):
            raise ValueError("two arms have the same factors off")
        for name in {name for off in offs for name in off} - set(self.factors):
            raise ValueError(f"an arm is without {name!r}, which is none of the factors")
        return self


class Tuning(_Part):
    """A search of ``plan.json``: how the settings of a row were found, and what that cost."""

    method: str
    variant: str
    protocol_hash: str
    """Of the row, whose cells open the test split; the trials ran under one of their own."""
    space: str
    objective: list[str] = Field(min_length=1)
    """Measured on the validation split; the first chose the winner."""
    studies: list[str] = Field(min_length=1)
    """Independent searches."""
    trials: int = Field(ge=0)
    """Of all studies, the pruned and the failed among them."""
    pruned: int = Field(ge=0)
    failed: int = Field(ge=0)
    cell_hours: float = Field(ge=0)
    """Of all cells of the trials, each billed once."""
    gpu_hours: float = Field(ge=0)
    sampler: str
    pruner: str


_RECORD = TypeAdapter(Annotated[_Done | _Failed | _Pruned, Field(discriminator="status")])


def load(folder: Path) -> tuple[Record, ...]:
    """All records of ``<folder>/ledger/*.json``, by cell id.

    Raises:
        UserError: if there is none, or one cannot be read, is of another schema version, or lacks what a board needs.
    """
    # By their names: to compare ten thousand paths part by part takes a quarter of the time of reading them.
    paths = sorted((folder / "ledger").glob("*.json"), key=lambda path: path.name)
    if not paths:
        raise UserError(f"no record in {folder / 'ledger'}; expected <cell id>.json files, as `fgsgl run` writes them")
    return tuple(load_record(path) for path in paths)


def load_record(path: Path) -> Record:
    """One record, checked.

    Raises:
        UserError: as :func:`load`.
    """
    record = read_record(path)
    try:
        checked = _RECORD.validate_python(record)
    except ValidationError as error:
        raise UserError(f"the record {path} cannot stand on a board: {_first(error)}") from None
    if record.cell_id != path.stem:
        raise UserError(f"the record {path} names itself {record.cell_id!r}; a record's file name is its cell id")
    if checked.status == "done" and len(checked.metrics.per_class) != len(checked.data.classes):
        raise UserError(
            f"the record {path} has {len(checked.metrics.per_class)} rows in metrics.per_class, "
            f"but {len(checked.data.classes)} classes"
        )
    return record


def load_plan(folder: Path, records: Sequence[Record]) -> tuple[Planned, ...]:
    """The cells of ``<folder>/plan.json``, with a record or without; none if there is no such file.

    ``{"cells": [{"cell_id", "method", "variant", "seed", ...}]}``; a cell that does not give its ``kind``,
    ``protocol`` or ``protocol_hash`` takes ``method`` and those of the first record.

    Raises:
        UserError: if the file is not such a plan.
    """
    common = {"kind": "method", "protocol": records[0].protocol, "protocol_hash": records[0].protocol_hash}
    return _of_plan(folder, "cells", lambda cell: Planned.model_validate(common | cell))


def load_designs(folder: Path) -> tuple[Design, ...]:
    """The designs of ``<folder>/plan.json``; none if there is no such file, or none in it.

    Raises:
        UserError: if the file is not such a plan.
    """
    return _of_plan(folder, "designs", Design.model_validate)


def load_tunings(folder: Path) -> tuple[Tuning, ...]:
    """The searches of ``<folder>/plan.json``; none if there is no such file, or none in it.

    Raises:
        UserError: if the file is not such a plan.
    """
    return _of_plan(folder, "tunings", Tuning.model_validate)


def _of_plan(folder: Path, part: str, read: Callable[[Any], _Row]) -> tuple[_Row, ...]:
    path = folder / "plan.json"
    if not path.exists():
        return ()
    try:
        plan = {"designs": [], "tunings": []} | json.loads(path.read_text(encoding="utf-8"))
        return tuple(read(row) for row in plan[part])
    except ValidationError as error:
        raise UserError(f"the plan {path} has an entry in {part} that cannot be read: {_first(error)}") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f'the plan {path} cannot be read: {error}; expected {{"cells": [...]}}') from None


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"] if part not in ("done", "failed", "pruned"))
    if fault["type"] == "missing":
        return f"{where} is missing"
    return f"{where} is {fault.get('input')!r:.60}; {fault['msg']}"
