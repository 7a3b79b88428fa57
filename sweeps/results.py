"""The results of a search: the winner of each study, and what the trials cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgsgl.methods.method import Setting
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import Tuning
from fgsgl.records.record import Record
from fgsgl.records.row_key import TUNED
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.samplers import pruner_text, sampler_text
from fgsgl.sweeps.study import FAILURE, StudySpec, changes_by, counts, winner

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

HOUR_S = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """The ended trials of one study, and the best of them."""

    spec: StudySpec
    study: Study
    trials: tuple[FrozenTrial, ...]
    """The trials that have ended and count, in order."""
    best: FrozenTrial | None
    """With several objectives, the best by the first one on the Pareto front; None: no trial finished."""

    @property
    def name(self) -> str:
        """The study's name in its storage."""
        return str(self.study.study_name)

    @property
    def changes(self) -> dict[str, Setting]:
        """The settings of the best trial, which must exist."""
        assert self.best is not None
        return changes_by(self.best, self.spec)

    def unlike_default(self, trial: FrozenTrial) -> dict[str, Setting]:
        """The settings of a trial that differ from the method's defaults."""
        default = self.spec.method.flat
        return {name: value for name, value in changes_by(trial, self.spec).items() if default[name] != value}

    def ended(self, state: str) -> int:
        """How many trials ended as ``COMPLETE``, ``PRUNED`` or ``FAIL``."""
        return sum(trial.state.name == state for trial in self.trials)


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodResult:
    """The results of one method's independent studies."""

    studies: tuple[StudyResult, ...]

    @property
    def spec(self) -> StudySpec:
        """The first study's specification; those of the others have other seeds."""
        return self.studies[0].spec

    @property
    def method(self) -> str:
        """The method's name."""
        return self.spec.method.name

    @property
    def sampler(self) -> str:
        """The sampler of all studies, with its arguments."""
        last = len(self.studies) - 1
        return sampler_text(self.spec.sampler, f"0 to {last}" if last else 0)

    @property
    def finished(self) -> tuple[StudyResult, ...]:
        """The studies in which a trial finished."""
        return tuple(result for result in self.studies if result.best)

    @property
    def best(self) -> StudyResult | None:
        """The study with the best trial of all; None: no trial finished."""
        sign = OBJECTIVES[self.spec.objectives[0]].sign
        values = [(sign * result.best.values[0], result) for result in self.finished if result.best]
        return max(values, key=lambda pair: pair[0])[1] if values else None

    @property
    def cell_ids(self) -> list[str]:
        """The cells of all trials, each once."""
        trials = (trial for result in self.studies for trial in result.trials)
        return list(dict.fromkeys(cell_id for trial in trials for cell_id in trial.user_attrs.get("cell_ids", ())))

    def changes(self, seed: int) -> dict[str, Setting]:
        """The settings of the tuned row's cell: seed s has those of study s modulo their number."""
        return self.finished[seed % len(self.finished)].changes


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchCost:
    """Hours that the trials of a method took."""

    cell_hours: float
    """Hours of all cells with a record, failed and pruned ones included. Cells may have run side by side."""
    gpu_hours: float
    """The part of them on GPUs, times the number of GPUs."""
    unknown: int
    """Cells whose time is unknown."""


def results_by_method(specs: Sequence[StudySpec], studies: Sequence[Study]) -> tuple[MethodResult, ...]:
    """Reads every study once and groups the results by method.

    Args:
        specs: the specification of each study.
        studies: the studies, in the same order; those of one method are independent of each other.
    """
    by_method: dict[str, list[StudyResult]] = {}
    for spec, study in zip(specs, studies, strict=True):
        trials = tuple(t for t in study.get_trials(deepcopy=False) if t.state.is_finished() and counts(t))
        finished = any(trial.state.name == "COMPLETE" for trial in trials)
        best = winner(study, spec) if finished else None
        result = StudyResult(spec=spec, study=study, trials=trials, best=best)
        by_method.setdefault(spec.method.name, []).append(result)
    return tuple(MethodResult(studies=tuple(results)) for results in by_method.values())


def cost_of(result: MethodResult, records: Mapping[str, Record]) -> SearchCost:
    """The hours of a method's trials.

    Args:
        result: the method's studies; each of their cells counts once.
        records: the trials' ledger, by cell id.
    """
    known = [records[cell_id] for cell_id in result.cell_ids if cell_id in records]
    timed = [record for record in known if "total" in record.times_s]
    gpus = any(record.hardware.gpu for record in known)  # a failed cell may only know that it was to choose
    kinds = ("cuda", "auto") if gpus else ("cuda",)
    on_gpu = [record for record in timed if (record.hardware.device or "").startswith(kinds)]
    return SearchCost(
        cell_hours=sum(record.times_s["total"] for record in timed) / HOUR_S,
        gpu_hours=sum(record.times_s["total"] * record.hardware.devices for record in on_gpu) / HOUR_S,
        unknown=len(result.cell_ids) - len(timed),
    )


def plan_entry(result: MethodResult, trials: Ledger, protocol_hash: str) -> Tuning:
    """The entry of ``plan.json`` by which the board knows of the search.

    Args:
        result: the method's studies.
        trials: the ledger of the trials.
        protocol_hash: hash of the tuned row's protocol, under which the test split is opened.
    """
    spec, cost = result.spec, cost_of(result, trials.records())
    return Tuning(
        method=result.method,
        variant=TUNED,
        protocol_hash=protocol_hash,
        space=Path(spec.space_name).stem,
        objective=list(spec.objectives),
        studies=[one.name for one in result.studies],
        trials=sum(len(one.trials) for one in result.studies),
        pruned=sum(one.ended("PRUNED") for one in result.studies),
        failed=sum(FAILURE in trial.user_attrs for one in result.studies for trial in one.trials),
        cell_hours=cost.cell_hours,
        gpu_hours=cost.gpu_hours,
        sampler=result.sampler,
        pruner=pruner_text(spec.pruner),
    )


def provenance_of(result: StudyResult) -> dict[str, Any]:
    """The origin of a study's best settings, as ``best/<method>.yaml`` keeps it."""
    assert result.best is not None
    return {
        "study": result.name,
        "trial": result.best.number,
        "value": dict(zip(result.spec.objectives, result.best.values, strict=True)),
        "protocol_hash": result.spec.protocol.hash(),
    }
