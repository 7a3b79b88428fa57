"""The specification of a cell: what its process is told, and the records that it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fgsgl.data import datasets
from fgsgl.data.clip_table import ClipTable
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.environment import versions
from fgsgl.records.failures import what_fits
from fgsgl.records.ledger import Ledger
from fgsgl.records.optuna_storage import TrialSpec
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import (
    Record,
    read_curve,
)
from fgsgl.training.work_folder import openings

LOCK = "lock"
"""File in the work folder that the process of the cell holds while it runs."""


def record_of(spec: dict[str, Any]) -> Record | None:
    """The record that a spec's process has written, or that of the cell as another command finished it."""
    record = Ledger(Path(spec["ledger"])).get(cell_of(spec).cell_id)
    if record is None or record.status == "done":
        return record
    own = (record.started_utc, record.attempts) == (spec["started_utc"], spec["attempt"])
    return record if own else None


def cell_of(spec: dict[str, Any]) -> Cell:
    """The cell that a spec describes."""
    return Cell(
        variant=Variant(**spec["variant"]),
        protocol=Protocol(**spec["protocol"]),
        seed=spec["seed"],
        fingerprint=spec["fingerprint"],
        text=spec["text"],
    )


def table_of(spec: dict[str, Any]) -> ClipTable:
    """The clip table of a spec's data set."""
    protocol = spec["protocol"]
    module = datasets.get(protocol["dataset"], protocol["preset"])
    return module.load(Path(spec["root"]), protocol["preset"], protocol["data_seed"])


def common_fields(spec: dict[str, Any]) -> dict[str, Any]:
    """What is known of a cell whether or not it finishes."""
    cell = cell_of(spec)
    return {
        "cell_id": cell.cell_id,
        "method": cell.variant.method,
        "variant": cell.variant.name,
        "kind": cell.method.kind,
        "seed": cell.seed,
        "protocol": cell.protocol.as_dict(),
        "protocol_hash": cell.protocol.hash(),
        "config": cell.method.describe(cell.variant.changes),
        "pretraining": cell.pretraining,
        "environment": {**versions(), **spec["git"]},
        "started_utc": spec["started_utc"],
        "attempts": spec["attempt"],
        "test_openings": openings(Path(spec["work_dir"])),
    }


def failed_record(spec: dict[str, Any], failure: str, message: str, times_s: dict[str, float]) -> Record:
    """The record of a cell that did not finish, with its learning curve so far."""
    cell = cell_of(spec)
    if failure == "out_of_memory" and cell.method.recipe:
        finished = Ledger(Path(spec["ledger"])).done().values()
        message = f"{what_fits(cell.protocol.as_dict(), cell.method.name, spec['devices'], finished)}; {message}"
    return Record(
        status="failed",
        failure={"class": failure, "message": message},
        data={"fingerprint": spec["fingerprint"]},
        hardware={"device": spec["device"], "threads": spec["threads"], "devices": spec["devices"]},
        times_s=times_s,
        curve=read_curve(Path(spec["work_dir"]) / "curve.jsonl"),
        **common_fields(spec),
    )


def is_running(work_dir: Path) -> bool:
    """Whether a process of some command, perhaps another one, holds the cell's lock."""
    if not (work_dir / LOCK).exists():
        return False
    try:
        with FileLock(work_dir / LOCK, timeout=0):
            return False
    except Timeout:
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A cell that is to run now."""

    cell: Cell
    trial: TrialSpec | None = None
    """The trial that the cell belongs to; None: it belongs to no search."""
