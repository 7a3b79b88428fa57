"""The ledger: the folder of records. Everything shown anywhere is computed from it."""

from __future__ import annotations

import dataclasses
import functools
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from fgsgl.records.record import SCHEMA, Record, read_record
from fgsgl.util.decode_errors import fault
from fgsgl.util.errors import UserError
from fgsgl.util.files import once

SHOWN = 5
"""Cells that an error names."""
DONE_LINES = (b'\n "status": "done",\n', b'\n "schema": %d,\n' % SCHEMA)
"""Of a finished record as :func:`fgsgl.records.record.write_record` writes it: what is inside of it has more spaces."""
TAIL_BYTES = 2048
"""Where these lines stand, since keys are sorted: behind them are times and the variant."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Records and predictions of one board, ``<cell_id>.json`` and ``<cell_id>.npz`` each."""

    folder: Path

    def records(self) -> dict[str, Record]:
        """Every record by cell id.

        Raises:
            UserError: for a file that is no record of this schema version.
        """
        return {path.stem: _read(path) for path in sorted(self.folder.glob("*.json"))}

    def finished(self) -> set[str]:
        """The ids of the finished cells.

        Raises:
            UserError: as :meth:`records`.
        """
        return {path.stem for path in self.folder.glob("*.json") if _is_done(path)}

    def done(self) -> dict[str, Record]:
        """The finished cells' records."""
        return {cell_id: record for cell_id, record in self.records().items() if record.status == "done"}

    def get(self, cell_id: str) -> Record | None:
        """One cell's record, if it has one."""
        path = self.folder / f"{cell_id}.json"
        return read_record(path) if path.exists() else None

    def find(self, start: str) -> Path:
        """The record's file of the only cell whose id begins so.

        Raises:
            UserError: if there is none, or several.
        """
        ids = [path.stem for path in sorted(self.folder.glob("*.json"))]
        found = [cell_id for cell_id in ids if cell_id.startswith(start)]
        if len(found) == 1:
            return self.folder / f"{found[0]}.json"
        if found:
            raise UserError(
                f"{len(found)} cells in {self.folder} begin with {start!r}: {_some(found)}; give more of the id"
            )
        have = f"it has {len(ids)}: {_some(ids)}" if ids else "it has none; expected the folder of a board"
        raise UserError(f"no cell in {self.folder} begins with {start!r}; {have}")


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", ..." if len(ids) > SHOWN else "")


_read = once(read_record)


def _is_done(path: Path) -> bool:
    """Looks for the lines that say so, a small part of the work of reading the record; without them, reads it."""
    with path.open("rb", buffering=0) as file:
        file.seek(-min(TAIL_BYTES, os.fstat(file.fileno()).st_size), os.SEEK_END)
        tail = file.read()
    return all(line in tail for line in DONE_LINES) or _read(path).status == "done"


Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Kind = Literal["method", "floor", "ceiling"]


class _Score(TypedDict):
    top1: Share


class _Class(TypedDict):
    n: int
    recall: Share | None
    precision: Share | None
    f1: Share | None


class _Metrics(_Score):
    n_clips: int
    top5: Share
    mean_class: Share
    macro_f1: Share
    group_top1: NotRequired[Share]
    f1_mean: NotRequired[Share]
    per_class: list[_Class]
    by_score: NotRequired[dict[str, _Score]]
    scored_sha256: NotRequired[str]


class _Sizes(TypedDict):
    train: NotRequired[int]
    val: NotRequired[int]
    test: int


class _Audit(TypedDict):
    clip_ids: Count
    subjects: Count
    videos: Count
    sentences: Count | None


class _Data(TypedDict):
    fingerprint: str
    classes: list[str]
    n_clips: _Sizes
    n_subjects: _Sizes
    majority: Share
    split_sha256: str
    skipped: NotRequired[list[dict[str, Any]]]
    audit: NotRequired[_Audit | None]
    caveats: NotRequired[list[str]]


class _Epoch(TypedDict):
    epoch: NotRequired[float]
    loss: NotRequired[float]
    val_top1: NotRequired[float]


class _Hits(TypedDict):
    r1: Share
    sentences: Annotated[int, Meta(ge=1)]
    largest: Share


class _Localisation(TypedDict):
    n_clips: int
    pointing: dict[str, Share]
    energy: dict[str, Share]
    clips_sha256: NotRequired[str | None]
    readout: NotRequired[dict[str, dict[str, _Hits]] | None]


_Failure = TypedDict("_Failure", {"class": str, "message": str})


class _Any(Struct, kw_only=True, forbid_unknown_fields=True, tag_field="status"):
    """A :class:`~fgsgl.records.record.Record` as far as a report reads it: what is not declared in a part is left out
    (the classes of every extra score are half of a record). Parts without declarations are kept whole, and those that
    many records share are read apart, see :class:`_Shared`."""

    schema: Literal[SCHEMA]
    cell_id: str
    failure: _Failure | None = None
    attempts: int = 1
    method: str
    variant: str
    kind: Kind
    seed: int
    protocol: Raw
    protocol_hash: str
    config: Raw
    data: Any
    pretraining: str
    environment: Raw
    hardware: Raw
    started_utc: str
    test_openings: Count | None = None
    times_s: dict[str, float]
    peak_memory_mib: float | None = None
    params: int | None = None
    trainable_params: int | None = None
    cost: dict[str, float] = {}
    curve: list[_Epoch] = []
    metrics: dict[str, Any] = {}
    selection: dict[str, Any] = {}
    predictions_sha256: str | None = None
    localisation: Any = None


class _Done(_Any, tag="done"):
    data: Raw
    metrics: _Metrics
    localisation: _Localisation | None = None


class _Failed(_Any, tag="failed"):
    failure: _Failure


class _Pruned(_Any, tag="pruned"):
    pass


class ProtocolName(Struct, frozen=True):
    """What names the data of a protocol; its other settings may be anything."""

    dataset: str
    preset: str


class _Named(Struct):
    protocol: ProtocolName


class _Shared(Struct):
    """One of the parts that many records have in common: it is read once for all of them, which saves a third of the
    memory."""

    protocol: dict[str, Any] | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET
    data: _Data | UnsetType = UNSET
    environment: dict[str, Any] | UnsetType = UNSET
    hardware: dict[str, Any] | UnsetType = UNSET


@functools.lru_cache(10_000)
def _shared(name: str, text: bytes) -> dict[str, Any]:
    whole = b'{"%s": %s}' % (name.encode(), text)  # so that an error says where
    if name == "protocol":
        msgspec.json.decode(whole, type=_Named)
    return getattr(msgspec.json.decode(whole, type=_Shared), name)


_SHARED = _Shared.__struct_fields__
_DECODER = msgspec.json.Decoder(_Done | _Failed | _Pruned)


def load(folder: Path) -> tuple[Record, ...]:
    """All records of ``<folder>/ledger/*.json``, by cell id.

    Raises:
        UserError: if there is none, or one cannot be read, is of another schema version, or lacks what a board needs.
    """
    ledger = folder / "ledger"
    # As texts: to make, compare and take apart ten thousand paths takes half the time of reading them.
    paths = sorted(file.path for file in os.scandir(ledger) if file.name.endswith(".json")) if ledger.is_dir() else ()
    if not paths:
        raise UserError(f"no record in {ledger}; expected <cell id>.json files, as `fgsgl run` writes them")
    return tuple(map(_checked, paths))


def load_record(path: Path) -> Record:
    """One record with all that it holds, checked.

    Raises:
        UserError: as :func:`load`.
    """
    _checked(str(path))
    return read_record(path)


def _checked(path: str) -> Record:
    """One record as far as a report reads it. Read and checked in one go, and without what would only fill the memory:
    most of the time of a large report."""
    try:
        with io.FileIO(path) as file:  # a buffer would take as long as the reading
            found = _DECODER.decode(file.read())
        fields = msgspec.structs.asdict(found)
        for name in _SHARED:
            if isinstance(fields[name], Raw):
                fields[name] = _shared(name, bytes(fields[name]))
    except (OSError, ValueError) as error:
        whole = dataclasses.asdict(read_record(Path(path)))  # says what is wrong with a file that is no record at all
        raise UserError(f"the record {path} cannot stand on a board: {fault(error, whole)}") from None
    record = Record(status=found.__struct_config__.tag, **fields)
    _check_record(record, path)
    return record


def _check_record(record: Record, path: str) -> None:
    """What no type says."""
    if f"{record.cell_id}.json" != path.rpartition(os.sep)[2]:
        raise UserError(f"the record {path} names itself {record.cell_id!r}; a record's file name is its cell id")
    if record.status != "done":
        return
    rows, classes = record.metrics["per_class"], record.data["classes"]
    if len(rows) != len(classes):
        raise UserError(f"the record {path} has {len(rows)} rows in metrics.per_class, but {len(classes)} classes")
    maps = record.localisation
    if maps and maps["pointing"].keys() != maps["energy"].keys():
        raise UserError(
            f"the record {path} cannot stand on a board: localisation has pointing of {', '.join(maps['pointing'])}, "
            f"but energy of {', '.join(maps['energy'])}; expected the same maps"
        )
