"""How a cell ended: its times, what its computation gave, and the one place where a record is assembled from both."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fgsgl.methods.budget import budget_epochs
from fgsgl.records.curve import Epoch, read_curve
from fgsgl.records.environment import environment
from fgsgl.records.failures import what_fits
from fgsgl.records.ledger import Ledger
from fgsgl.records.record import (
    Cost,
    DataFacts,
    DataIdentity,
    Done,
    Failed,
    Failure,
    FailureClass,
    Hardware,
    Localisation,
    Metrics,
    Pruned,
)
from fgsgl.training.cell_spec import CellSpec
from fgsgl.training.work_folder import CURVE, openings, passed_over


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.started_s = self.last_s = time.monotonic()
        self.laps_s: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends a phase."""
        now_s = time.monotonic()
        self.laps_s[name] = round(now_s - self.last_s, 3)
        self.last_s = now_s

    def total(self) -> None:
        """Ends the whole."""
        self.laps_s["total"] = round(time.monotonic() - self.started_s, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Results of a finished computation beside its predictions; the fields are those of a record."""

    data: DataFacts
    hardware: Hardware
    params: int = 0
    trainable_params: int = 0
    curve: list[Epoch] = field(default_factory=list)
    selection: Mapping[str, float] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    peak_memory_mib: float | None = None
    localisation: Localisation | None = None


def done_record(
    spec: CellSpec, outcome: Outcome, metrics: Metrics, predictions_sha256: str, times_s: Mapping[str, float]
) -> Done:
    """The record of a finished cell."""
    return Done(
        data=outcome.data,
        hardware=outcome.hardware,
        params=outcome.params,
        trainable_params=outcome.trainable_params,
        curve=outcome.curve,
        selection=dict(outcome.selection),
        cost=outcome.cost,
        peak_memory_mib=outcome.peak_memory_mib,
        localisation=outcome.localisation,
        metrics=metrics,
        predictions_sha256=predictions_sha256,
        times_s=dict(times_s),
        **_common(spec),
    )


def failed_record(spec: CellSpec, kind: FailureClass, message: str, times_s: Mapping[str, float]) -> Failed:
    """The record of a cell that did not finish, with its learning curve so far."""
    cell = spec.cell
    if kind == "out_of_memory" and cell.method.recipe:
        finished = Ledger(spec.ledger).done().values()
        message = f"{what_fits(cell.protocol, cell.method.name, spec.devices, finished)}; {message}"
    return Failed(
        failure=Failure(kind=kind, message=message),
        data=DataIdentity(fingerprint=spec.fingerprint),
        hardware=Hardware(device=spec.device, threads=spec.threads, devices=spec.devices),
        times_s=dict(times_s),
        curve=read_curve(spec.work_dir / CURVE),
        **_common(spec),
    )


def pruned_record(spec: CellSpec, hardware: Hardware, times_s: Mapping[str, float]) -> Pruned:
    """The record of a trial's cell that its study's pruner ended."""
    return Pruned(
        data=DataIdentity(fingerprint=spec.fingerprint),
        hardware=hardware,
        times_s=dict(times_s),
        curve=read_curve(spec.work_dir / CURVE),
        **_common(spec),
    )


def _common(spec: CellSpec) -> dict[str, Any]:
    """Fields of a record that do not depend on how the cell ended."""
    cell = spec.cell
    return {
        "cell_id": cell.cell_id,
        "method": cell.variant.method,
        "variant": cell.variant.name,
        "kind": cell.method.kind,
        "seed": cell.seed,
        "protocol": cell.protocol,
        "protocol_hash": cell.protocol.hash(),
        "budget_epochs": budget_epochs(cell.method, cell.protocol),
        "config": cell.method.describe(cell.variant.changes),
        "pretraining": cell.pretraining,
        "text": cell.text_fingerprint or "none",
        "skeletons": cell.skeletons_read or "none",
        "environment": environment(spec.git),
        "started_utc": spec.started_utc,
        "attempts": spec.attempt,
        "test_openings": openings(spec.work_dir),
        "unfit_checkpoints": passed_over(spec.work_dir),
    }
