"""The columns of a row that come from its own records: accuracies with their interval, costs, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any

from fgsgl.records.record import METRICS, MORE_METRICS, Done, Failed, Record
from fgsgl.report.board.audit_notes import audit_summary, splits_share
from fgsgl.report.board.origin_notes import code_of, machine_of
from fgsgl.report.board.predicted_classes import PredictionCache
from fgsgl.report.board.rows import done_of
from fgsgl.stats.clusters import bootstrap_interval
from fgsgl.stats.seeds import t_half_width
from fgsgl.util.escaping import printable

COSTS = ("gflops", "latency_ms", "clips_per_s", "peak_memory_mib")


def score_columns(group: Sequence[Record], scored: Sequence[Done], predictions: PredictionCache) -> dict[str, Any]:
    """Columns from a row's records ``group``, of which ``scored`` may be averaged."""
    row: dict[str, Any] = {
        "n_seeds": len(scored),
        "pretraining": _joined(record.pretraining for record in group),
        "hardware": _joined(str(machine) for record in group if (machine := machine_of(record)).known),
        "skipped": max((len(record.data.skipped) for record in group if isinstance(record, Done)), default=0),
        "audit": audit_summary(scored),
    }
    if not scored:
        return row
    first = scored[0]
    for name in METRICS:
        row[name] = fmean([getattr(record.metrics, name) for record in scored])
    row |= _interval(scored, predictions)
    for name in ("category", "fine"):
        values = [r.metrics.by_score[name].top1 for r in scored if name in r.metrics.by_score]
        row[f"{name}_top1"] = fmean(values) if len(values) == len(scored) else None
    for name in MORE_METRICS:
        values = [getattr(record.metrics, name) for record in scored]
        row[name] = None if None in values else fmean(values)
    row |= {
        "n_clips": first.metrics.n_clips,
        "n_subjects": first.data.n_subjects.test,
        "floor": first.data.majority,
        "params_m": _millions([record.params for record in scored]),
        "trainable_m": _millions([record.trainable_params for record in scored]),
    }
    one_machine = len({machine_of(record) for record in scored}) == 1
    for name, read in _COSTS.items():
        known = [value for record in scored if (value := read(record)) is not None]
        comparable = one_machine or name == "gflops"
        row[name] = fmean(known) if comparable and len(known) == len(scored) else None
    return row


def _alone(record: Done, value: float | None) -> float | None:
    """A time, where nothing of the same board ran beside it: cells that share a machine slow each other down."""
    return value if record.cost.measured_alone else None


_COSTS: dict[str, Callable[[Done], float | None]] = {
    "train_s": lambda record: _alone(record, record.times_s.get("train", 0.0)),
    "gflops": lambda record: record.cost.gflops,
    "latency_ms": lambda record: _alone(record, record.cost.latency_ms),
    "clips_per_s": lambda record: _alone(record, record.cost.clips_per_s),
    "peak_memory_mib": lambda record: record.peak_memory_mib,
}
"""Costs of a cell by column; all but the operations depend on the machine."""


def status_columns(group: Sequence[Record], n_planned: int, reason: str | None) -> dict[str, Any]:
    """Columns that count every cell of a row: finished, failed by class, pruned, or planned; ``reason`` is why its
    numbers are refused."""
    done = done_of(group)
    n_done, n_failed, n_pruned = (
        sum(record.status == status for record in group) for status in ("done", "failed", "pruned")
    )
    failures = failure_counts(group)
    parts = [f"{n_done} done"] if n_done else []
    if n_failed:
        parts.append(f"{n_failed} failed: {failures}")
    if n_pruned:
        parts.append(f"{n_pruned} pruned")
    if n_planned:
        parts.append(f"{n_planned} planned")
    if (n_states := len({code_of(record) for record in done})) > 1:
        parts.append(f"code of {n_states} states")
    if shared := splits_share(done):
        parts.append(f"splits share {shared}")
    if reason:
        parts.insert(0, f"refused: {printable(reason)}")
    return {"status": ", ".join(parts), "n_failed": n_failed, "n_planned": n_planned, "failures": failures}


def failure_counts(group: Iterable[Record]) -> str:
    """``nan``, or ``2 nan, 1 out_of_memory``: how often each class of failure occurred, where there are several."""
    counts = Counter(record.failure.kind for record in group if isinstance(record, Failed))
    several = len(counts) > 1
    return printable(", ".join(f"{count} {name}" if several else name for name, count in sorted(counts.items())))


def _interval(scored: Sequence[Done], predictions: PredictionCache) -> dict[str, Any]:
    """The 95 % interval of top-1: Student t over seeds, or a bootstrap over whole subjects for a single run."""
    half = t_half_width([record.metrics.top1 for record in scored])
    if half is not None:
        mean = fmean([record.metrics.top1 for record in scored])
        return {"top1_ci_low": mean - half, "top1_ci_high": mean + half, "interval_over": "seeds"}
    clips = predictions.read(scored[0])
    if clips is None:
        return {}
    low, high = bootstrap_interval(clips.correct_N.astype(float), clips.subject_N)
    return {"top1_ci_low": low, "top1_ci_high": high, "interval_over": "subjects"}


def _joined(values: Iterable[str]) -> str:
    return printable("; ".join(filter(None, dict.fromkeys(values))))


def _millions(counts: Sequence[int | None]) -> float | None:
    """The mean: a tuned row's seeds may have networks of different sizes."""
    return None if None in counts else sum(count or 0 for count in counts) / len(counts) / 1e6
