"""A sweep as people read it: ``tuning.md`` and ``tuning.csv``, a row a method, and the sentences that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.results import Answer, Bill, Tuning, bill, provenance_of
from fgsgl.sweeps.samplers import pruner_text

from fgsgl.methods.variant_file import write_best
from fgsgl.records.ledger import Ledger
from fgsgl.records.row_key import FULL, TUNED
from fgsgl.report.board.board import COLUMNS, read_board
from fgsgl.report.board.tuned import assignments
from fgsgl.report.csv_text import csv_text
from fgsgl.report.formatting import EMPTY, markdown_table, number, numeric_headings, with_interval
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
"""Of their columns, those at the left that are texts."""


def write_results(folder: Path, tunings: Sequence[Tuning], trials: Ledger, protocol_hash: str) -> tuple[str, ...]:
    """Writes what a sweep found beside its board: ``best/<method>.yaml``, ``tuning.{md,csv}`` and figures.

    Returns one line for each figure that could not be drawn.

    Args:
        folder: of the board.
        tunings: one a method.
        trials: the ledger of the trials.
        protocol_hash: of the rows.

    Raises:
        UserError: as :func:`fgsgl.report.board.board.read_board`.
    """
    from fgsgl.sweeps import figures

    from fgsgl.report.drawing.draw import draw_all
    from fgsgl.report.drawing.scan import scan
    from fgsgl.report.report import write_figures

    for tuning in tunings:
        if tuning.best:
            path = folder / "best" / f"{tuning.method}.yaml"
            write_best(path, tuning.method, tuning.best.changes, provenance_of(tuning.best))
    begun, records = any((folder / "ledger").glob("*.json")), trials.records()
    table = read_board(folder).table if begun else pd.DataFrame(columns=list(COLUMNS))
    table = table[table["protocol"] == protocol_hash]
    lines = [_line(tuning, bill(tuning, records), table) for tuning in tunings]
    drawing = draw_all(scan(figures), tunings)
    write_figures(folder, drawing.figures)
    write_whole(folder / "tuning.md", markdown(tunings, lines, drawing.figures))
    write_whole(folder / "tuning.csv", csv_text(pd.DataFrame(lines)))
    return drawing.faults


def markdown(tunings: Sequence[Tuning], lines: Sequence[Mapping[str, Any]], drawn: Sequence[FigureFiles]) -> str:
    """A table of the methods, one of the studies, one of the front of several objectives, the note and the figures."""
    text = ["# Tuning", ""]
    text += [*markdown_table(numeric_headings(METHODS, N_TEXTS), map(_method_row, lines)), ""]
    text += [*(f"- {markdown_text(sentence)}" for sentence in note(tunings, lines)), "", "## Studies", ""]
    rows = [_study_row(answer) for tuning in tunings for answer in tuning.answers]
    text += [*markdown_table(numeric_headings(STUDIES, N_TEXTS), rows), ""]
    if len(tunings[0].question.objectives) > 1:
        text += ["## Trials that no other of their study beats in every objective", ""]
        rows = [row for tuning in tunings for answer in tuning.answers for row in _front_rows(answer)]
        text += [*markdown_table(numeric_headings(FRONT, N_TEXTS), rows), ""]
    for figure in drawn:
        title = markdown_text(figure.title)
        text += [f"![{title}](figures/{figure.name}.png)", "", f"{title}: {markdown_text(figure.caption)}", ""]
    return "\n".join(text)


def _line(tuning: Tuning, billed: Bill, table: pd.DataFrame) -> dict[str, Any]:
    """What is known of a method: shares of the board in percent, values as the objective has them."""
    default, tuned = (_row(table, tuning.method, variant) for variant in (FULL, TUNED))
    values = [answer.best.values[0] for answer in tuning.found]
    return {
        "method": tuning.method,
        "label": tuning.question.method.display_name,
        **_shares("default", default),
        **_shares("tuned", tuned),
        **{name: getattr(tuned, name, np.nan) for name in ("diff_top1", "diff_ci_low", "diff_ci_high")},
        "diff_over": getattr(tuned, "diff_over", ""),
        "objective": tuning.question.objectives[0],
        "best_value": tuning.best.best.values[0] if tuning.best else np.nan,
        "lowest_value": min(values, default=np.nan),
        "highest_value": max(values, default=np.nan),
        "value_sd": float(np.std(values, ddof=1)) if len(values) > 1 else np.nan,
        "studies": len(tuning.answers),
        "trials": sum(len(answer.trials) for answer in tuning.answers),
        "pruned": sum(answer.ended("PRUNED") for answer in tuning.answers),
        "failed": sum(answer.ended("FAIL") for answer in tuning.answers),
        "cell_hours": billed.cell_hours,
        "gpu_hours": billed.gpu_hours,
        "cells_without_time": billed.unknown,
        "best_settings": assignments(tuning.best.unlike_default(tuning.best.best)) if tuning.best else "",
    }


def _row(table: pd.DataFrame, method: str, variant: str) -> Any | None:
    rows = table[(table["method"] == method) & (table["variant"] == variant)]
    return next(rows.itertuples(), None)


def _shares(name: str, row: Any | None) -> dict[str, Any]:
    """Top-1 of a row with its interval, in percent."""
    shares = {f"{name}{end}": 100 * getattr(row, f"top1{end}", np.nan) for end in ("", "_ci_low", "_ci_high")}
    return shares | {f"{name}_over": getattr(row, "interval_over", ""), f"{name}_seeds": getattr(row, "n_seeds", 0)}


def _method_row(line: Mapping[str, Any]) -> tuple[str, ...]:
    def shown(name: str) -> str:
        return with_interval(line[name], line[f"{name}_ci_low"], line[f"{name}_ci_high"], line[f"{name}_over"])

    difference = with_interval(line["diff_top1"], line["diff_ci_low"], line["diff_ci_high"], line["diff_over"], "+")
    return (
        line["label"], line["best_settings"] or EMPTY, shown("default"), shown("tuned"), difference,
        value_text(line["objective"], line["best_value"]), str(line["trials"]), str(line["pruned"]),
        str(line["failed"]), f"{line['cell_hours']:.2f} ({line['gpu_hours']:.2f})",
    )  # fmt: skip


def _study_row(answer: Answer) -> tuple[str, ...]:
    counts = (str(len(answer.trials)), str(answer.ended("PRUNED")), str(answer.ended("FAIL")))
    if answer.best is None:
        return (answer.study.study_name, *[EMPTY] * 3, *counts)
    value, place = value_text(answer.question.objectives[0], answer.best.values[0]), str(answer.best.number)
    return (answer.study.study_name, assignments(answer.unlike_default(answer.best)), value, place, *counts)


def _front_rows(answer: Answer) -> Iterator[tuple[str, ...]]:
    for trial in sorted(answer.study.best_trials, key=lambda trial: trial.number):
        settings = assignments(answer.unlike_default(trial))
        yield answer.study.study_name, settings, values_text(answer, trial), str(trial.number)


def values_text(answer: Answer, trial: FrozenTrial) -> str:
    """``macro_f1 70.1 %, train_s 21.3``."""
    pairs = zip(answer.question.objectives, trial.values, strict=True)
    return ", ".join(f"{name} {value_text(name, value)}" for name, value in pairs)


def value_text(objective: str, value: float) -> str:
    """``70.1 %`` of a share, four digits of what is to be small; a dash for none."""
    if np.isnan(value):
        return EMPTY
    return f"{number(100 * value)} %" if OBJECTIVES[objective].direction == "maximize" else f"{value:.4g}"


def note(tunings: Sequence[Tuning], lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the tables are over, and what they cannot tell."""
    first = tunings[0]
    yield (
        f"Best value: {first.question.objectives[0]} on the validation split, of the best trial of all studies. It is "
        "the best of many values with noise, so it is too good by selection; only the rows on the test split, whose "
        "seeds no trial had, say what the settings are worth."
    )
    yield (
        "Default %, Tuned %: top-1 on the test split, mean over paired seeds ± half its 95 % interval; seed s of the "
        "tuned row has the settings that study s modulo the number of studies found. Difference: tuned minus default "
        "with the same seed. The test split was opened by these rows alone."
    )
    yield from _about_effort(lines)
    yield f"Sampler {first.sampler}, pruner {pruner_text(first.question.pruner)}."
    yield "best/<method>.yaml has the best settings, for `fgsgl run --config`; what is not named is as in the default."
    for line in lines:
        yield from _about_spread(line)
        yield from _about_gain(line)


def _about_effort(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    efforts = {(line["studies"], line["trials"]) for line in lines}
    if len(efforts) > 1:
        counts = ", ".join(f"{line['label']} {line['trials']} in {line['studies']}" for line in lines)
        yield f"The methods were not searched alike; trials in studies: {counts}."
    elif len(lines) > 1:
        studies, trials = efforts.pop()
        yield f"Every method had {trials} trials in {studies} independent {'studies' if studies > 1 else 'study'}."
    yield (
        "Hours: from start to end of all cells of the trials, each once, whatever their end; several may have run at a "
        "time. In brackets: hours of GPUs."
    )
    unknown = sum(line["cells_without_time"] for line in lines)
    if unknown:
        yield f"{unknown} cell(s) of trials left no time, and are in no hours."


def _about_spread(line: Mapping[str, Any]) -> Iterator[str]:
    values = [value_text(line["objective"], line[name]) for name in ("lowest_value", "highest_value")]
    if np.isnan(line["best_value"]):
        yield f"{line['label']}: no trial finished, so there is no tuned row."
    elif np.isnan(line["value_sd"]):
        yield f"{line['label']}: the trials of one study; how much another would have found cannot be told."
    else:
        sd = value_text(line["objective"], line["value_sd"])
        yield (
            f"{line['label']}: the best values of {line['studies']} independent studies lie between {values[0]} and "
            f"{values[1]} (standard deviation {sd}): so much is the chance of the search."
        )


def _about_gain(line: Mapping[str, Any]) -> Iterator[str]:
    low, high = line["diff_ci_low"], line["diff_ci_high"]
    if np.isnan(low):
        return
    if low <= 0 <= high:
        yield (
            f"{line['label']}: whether tuning helped cannot be told: the difference's 95 % interval, "
            f"{number(low, sign='+')} to {number(high, sign='+')} points, holds 0."
        )
    else:
        points = number(abs(line["diff_top1"]))
        yield (
            f"{line['label']}: tuning {'gained' if low > 0 else 'lost'} {points} points, by a 95 % interval that is "
            "not adjusted for the number of methods; the board has the adjusted p."
        )
