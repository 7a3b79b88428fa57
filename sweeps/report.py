"""The report of a sweep: ``tuning.md`` and ``tuning.csv`` with a row for each method, and notes on how to read them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fgsgl.methods.variant_file import write_best
from fgsgl.records.ledger import Ledger
from fgsgl.records.record import Record
from fgsgl.records.row_key import FULL, TUNED
from fgsgl.report.board.board import COLUMNS, read_board
from fgsgl.report.board.tuned import assignments
from fgsgl.report.csv_text import csv_text
from fgsgl.report.formatting import EMPTY, markdown_table, number, numeric_headings, with_interval
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.results import MethodResult, StudyResult, cost_of, provenance_of
from fgsgl.sweeps.samplers import pruner_text
from fgsgl.util.escaping import markdown_text
from fgsgl.util.files import write_whole

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from fgsgl.report.drawing.figure import FigureFiles

METHODS = (
    "Method", "Best settings", "Default %", "Tuned %", "Difference", "Best value", "Trials", "Pruned", "Failed",
    "Hours (GPU)",
)  # fmt: skip
STUDIES = ("Study", "Settings", "Best value", "Trial", "Trials", "Pruned", "Failed")
FRONT = ("Study", "Settings", "Values", "Trial")
N_TEXTS = 2
"""Number of text columns, at the left of each table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TuningRow:
    """One method's line of ``tuning.csv``. Accuracies are in percent, values of objectives as the records have them."""

    method: str
    label: str
    default: float
    default_ci_low: float
    default_ci_high: float
    default_over: str
    default_seeds: int
    tuned: float
    tuned_ci_low: float
    tuned_ci_high: float
    tuned_over: str
    tuned_seeds: int
    diff_top1: float
    """Top-1 of the tuned row minus that of the default row, in points."""
    diff_ci_low: float
    diff_ci_high: float
    sim_low: float
    sim_high: float
    """Its interval that holds for all tuned rows of the board together; nan below three seeds."""
    diff_over: str
    objective: str
    best_value: float
    lowest_value: float
    """Lowest of the studies' best values."""
    highest_value: float
    value_sd: float
    """Standard deviation of the studies' best values; nan for one study."""
    studies: int
    trials: int
    pruned: int
    failed: int
    cell_hours: float
    gpu_hours: float
    cells_without_time: int
    best_settings: str


def write_results(folder: Path, results: Sequence[MethodResult], trials: Ledger, protocol_hash: str) -> tuple[str, ...]:
    """Writes the results of a sweep beside its board: ``best/<method>.yaml``, ``tuning.{md,csv}`` and figures.

    Args:
        folder: the board's folder.
        results: of each method.
        trials: the ledger of the trials.
        protocol_hash: hash of the rows' protocol.

    Returns:
        One line for each figure that could not be drawn.

    Raises:
        UserError: as :func:`fgsgl.report.board.board.read_board`.
    """
    from fgsgl.report.drawing.draw import draw_all
    from fgsgl.report.drawing.scan import scan
    from fgsgl.report.report import write_figures
    from fgsgl.sweeps import figures

    for result in results:
        if result.best:
            path = folder / "best" / f"{result.method}.yaml"
            write_best(path, result.method, result.best.changes, provenance_of(result.best))
    begun, records = any((folder / "ledger").glob("*.json")), trials.records()
    table = read_board(folder).table if begun else pd.DataFrame(columns=list(COLUMNS))
    table = table[table["protocol"] == protocol_hash]
    rows = [_tuning_row(result, records, table) for result in results]
    drawing = draw_all(scan(figures), results)
    write_figures(folder, drawing.figures)
    write_whole(folder / "tuning.md", markdown(results, rows, drawing.figures))
    write_whole(folder / "tuning.csv", csv_text(pd.DataFrame(map(dataclasses.asdict, rows))))
    return drawing.faults


def markdown(results: Sequence[MethodResult], rows: Sequence[TuningRow], drawn: Sequence[FigureFiles]) -> str:
    """A table of the methods, one of the studies, one of the Pareto front of several objectives, notes and figures."""
    text = ["# Tuning", ""]
    text += [*markdown_table(numeric_headings(METHODS, N_TEXTS), map(_method_cells, rows)), ""]
    text += [*(f"- {markdown_text(sentence)}" for sentence in note(results, rows)), "", "## Studies", ""]
    studies = [study for result in results for study in result.studies]
    text += [*markdown_table(numeric_headings(STUDIES, N_TEXTS), map(_study_cells, studies)), ""]
    if len(results[0].spec.objectives) > 1:
        text += ["## Trials that no other of their study beats in every objective", ""]
        front = [cells for study in studies for cells in _front_cells(study)]
        text += [*markdown_table(numeric_headings(FRONT, N_TEXTS), front), ""]
    for figure in drawn:
        title = markdown_text(figure.title)
        text += [f"![{title}](figures/{figure.name}.png)", "", f"{title}: {markdown_text(figure.caption)}", ""]
    return "\n".join(text)


def _tuning_row(result: MethodResult, records: dict[str, Record], table: pd.DataFrame) -> TuningRow:
    """The line of a method.

    Args:
        result: the method's studies.
        records: the trials' ledger, by cell id.
        table: the board's rows under the protocol of the sweep.
    """
    default, tuned = (_board_row(table, result.method, variant) for variant in (FULL, TUNED))
    values = [study.best.values[0] for study in result.finished if study.best]
    best, cost = result.best, cost_of(result, records)
    return TuningRow(
        method=result.method,
        label=result.spec.method.display_name,
        **_accuracy("default", default),
        **_accuracy("tuned", tuned),
        diff_top1=getattr(tuned, "diff_top1", np.nan),
        diff_ci_low=getattr(tuned, "diff_ci_low", np.nan),
        diff_ci_high=getattr(tuned, "diff_ci_high", np.nan),
        sim_low=getattr(tuned, "sim_low", np.nan),
        sim_high=getattr(tuned, "sim_high", np.nan),
        diff_over=getattr(tuned, "diff_over", ""),
        objective=result.spec.objectives[0],
        best_value=best.best.values[0] if best and best.best else np.nan,
        lowest_value=min(values, default=np.nan),
        highest_value=max(values, default=np.nan),
        value_sd=float(np.std(values, ddof=1)) if len(values) > 1 else np.nan,
        studies=len(result.studies),
        trials=sum(len(study.trials) for study in result.studies),
        pruned=sum(study.ended("PRUNED") for study in result.studies),
        failed=sum(study.ended("FAIL") for study in result.studies),
        cell_hours=cost.cell_hours,
        gpu_hours=cost.gpu_hours,
        cells_without_time=cost.unknown,
        best_settings=assignments(best.unlike_default(best.best)) if best and best.best else "",
    )


def _board_row(table: pd.DataFrame, method: str, variant: str) -> Any | None:
    rows = table[(table["method"] == method) & (table["variant"] == variant)]
    return next(rows.itertuples(), None)


def _accuracy(name: str, row: Any | None) -> dict[str, Any]:
    """Top-1 of a board's row with its interval, in percent."""
    shares = {f"{name}{end}": 100 * getattr(row, f"top1{end}", np.nan) for end in ("", "_ci_low", "_ci_high")}
    return shares | {f"{name}_over": getattr(row, "interval_over", ""), f"{name}_seeds": getattr(row, "n_seeds", 0)}


def _method_cells(row: TuningRow) -> tuple[str, ...]:
    return (
        row.label,
        row.best_settings or EMPTY,
        with_interval(row.default, row.default_ci_low, row.default_ci_high, row.default_over),
        with_interval(row.tuned, row.tuned_ci_low, row.tuned_ci_high, row.tuned_over),
        with_interval(row.diff_top1, row.sim_low, row.sim_high, row.diff_over, "+"),
        value_text(row.objective, row.best_value),
        str(row.trials), str(row.pruned), str(row.failed), f"{row.cell_hours:.2f} ({row.gpu_hours:.2f})",
    )  # fmt: skip


def _study_cells(study: StudyResult) -> tuple[str, ...]:
    counts = (str(len(study.trials)), str(study.ended("PRUNED")), str(study.ended("FAIL")))
    if study.best is None:
        return (study.name, *[EMPTY] * 3, *counts)
    value, number_ = value_text(study.spec.objectives[0], study.best.values[0]), str(study.best.number)
    return (study.name, assignments(study.unlike_default(study.best)), value, number_, *counts)


def _front_cells(study: StudyResult) -> Iterator[tuple[str, ...]]:
    for trial in sorted(study.study.best_trials, key=lambda trial: trial.number):
        settings = assignments(study.unlike_default(trial))
        yield study.name, settings, values_text(study, trial), str(trial.number)


def values_text(study: StudyResult, trial: FrozenTrial) -> str:
    """``macro_f1 70.1 %, train_s 21.3``."""
    pairs = zip(study.spec.objectives, trial.values, strict=True)
    return ", ".join(f"{name} {value_text(name, value)}" for name, value in pairs)


def value_text(objective: str, value: float) -> str:
    """``70.1 %`` for an accuracy, four digits for a cost; a dash for nan."""
    if np.isnan(value):
        return EMPTY
    return f"{number(100 * value)} %" if OBJECTIVES[objective].direction == "maximize" else f"{value:.4g}"


def note(results: Sequence[MethodResult], rows: Sequence[TuningRow]) -> Iterator[str]:
    """Sentences that explain the columns, and what the tables cannot tell."""
    first = results[0]
    yield (
        f"Best value: {first.spec.objectives[0]} on the validation split, of the best trial of all studies. It is "
        "the best of many values with noise, so it is too good by selection; only the rows on the test split, whose "
        "seeds no trial had, say what the settings are worth."
    )
    yield (
        "Default %, Tuned %: top-1 on the test split, mean over paired seeds ± half its 95 % interval; seed s of the "
        "tuned row has the settings that study s modulo the number of studies found. Difference: tuned minus default "
        "with the same seed, ± half its simultaneous interval, which holds for all tuned rows of the board together; "
        "none below three seeds. The test split was opened by these rows alone."
    )
    yield from _about_effort(rows)
    yield f"Sampler {first.sampler}, pruner {pruner_text(first.spec.pruner)}."
    yield "best/<method>.yaml has the best settings, for `fgsgl run --config`; what is not named is as in the default."
    for row in rows:
        yield from _about_spread(row)
        yield from _about_gain(row)


def _about_effort(rows: Sequence[TuningRow]) -> Iterator[str]:
    efforts = {(row.studies, row.trials) for row in rows}
    if len(efforts) > 1:
        counts = ", ".join(f"{row.label} {row.trials} in {row.studies}" for row in rows)
        yield f"The methods were not searched alike; trials in studies: {counts}."
    elif len(rows) > 1:
        studies, trials = efforts.pop()
        yield f"Every method had {trials} trials in {studies} independent {'studies' if studies > 1 else 'study'}."
    yield (
        "Hours: from start to end of all cells of the trials, each once, whatever their end; several may have run at a "
        "time. In brackets: hours of GPUs."
    )
    unknown = sum(row.cells_without_time for row in rows)
    if unknown:
        yield f"{unknown} cell(s) of trials left no time, and are in no hours."


def _about_spread(row: TuningRow) -> Iterator[str]:
    values = [value_text(row.objective, value) for value in (row.lowest_value, row.highest_value)]
    if np.isnan(row.best_value):
        yield f"{row.label}: no trial finished, so there is no tuned row."
    elif np.isnan(row.value_sd):
        yield f"{row.label}: the trials of one study; how much another would have found cannot be told."
    else:
        sd = value_text(row.objective, row.value_sd)
        yield (
            f"{row.label}: the best values of {row.studies} independent studies lie between {values[0]} and "
            f"{values[1]} (standard deviation {sd}): so much is the chance of the search."
        )


def _about_gain(row: TuningRow) -> Iterator[str]:
    low, high = row.sim_low, row.sim_high
    if np.isnan(low):
        return
    if low <= 0 <= high:
        yield (
            f"{row.label}: whether tuning helped cannot be told: the difference's interval, "
            f"{number(low, sign='+')} to {number(high, sign='+')} points, holds 0."
        )
    else:
        points = number(abs(row.diff_top1))
        yield (
            f"{row.label}: tuning {'gained' if low > 0 else 'lost'} {points} points, by an interval that holds for all "
            "tuned rows of the board together."
        )
