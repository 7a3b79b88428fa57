"""Every trial of every study in its order, and the best value so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from fgsgl.methods.search_space import defaults
from fgsgl.report.drawing.axes import NARROW_IN, canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.style import COLOURS, GREY, INK
from fgsgl.sweeps.figures._values import best_so_far, finished, scaled, value_label
from fgsgl.sweeps.results import MethodResult, StudyResult

MOST_STUDIES = 8
"""Most studies in one figure; the table has them all."""
MARKS = {"finished": ("o", COLOURS[0]), "pruned": ("x", GREY), "failed": ("s", COLOURS[1])}
ENDS = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}


def draw(results: Sequence[MethodResult]) -> Iterator[Sheet]:
    """One figure a method, a panel a study."""
    for result in results:
        if not result.finished:
            continue
        shown = result.studies[:MOST_STUDIES]
        fig = canvas(NARROW_IN, 0.75 + 1.45 * len(shown))
        panels = fig.subplots(len(shown), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        tables = [_table(result, study) for study in result.studies]
        for number, (axes, study, table) in enumerate(zip(panels, shown, tables, strict=False), start=1):
            _panel(axes, result, study, table)
            axes.set_title(f"study {number}" if len(result.studies) > 1 else "")
        panels[-1].set_xlabel("trial")
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        fig.supylabel(value_label(result), fontsize=8)
        ends = dict.fromkeys(end for table in tables for end in table["end"])
        handles = [Line2D([], [], ls="", marker=MARKS[end][0], color=MARKS[end][1], ms=4, label=end) for end in ends]
        handles.append(Line2D([], [], color=INK, label="best so far"))
        fig.legend(handles=handles, loc="outside upper left", frameon=False, fontsize="small", ncols=len(handles))
        yield Sheet(figure=fig, table=pd.concat(tables), caption=_caption(result), suffix=f"-{result.method}")


FIGURE = Figure(name="history", title="Trials in their order", draw=draw)


def _table(result: MethodResult, study: StudyResult) -> pd.DataFrame:
    """One row a trial; ``last_top1`` is what it last reported, in percent."""
    rows = []
    for trial, best in zip(study.trials, best_so_far(result, study), strict=True):
        rows.append({
            "study": study.name, "trial": trial.number, "end": ENDS[trial.state.name],
            # Optuna gives a pruned trial the value that it reported last, which is that of an early epoch.
            "value": scaled(result, trial.values[0]) if trial.state.name == "COMPLETE" else np.nan, "best_so_far": best,
            "last_top1": 100 * trial.intermediate_values.get(trial.last_step or 0, np.nan),  # steps count from 1
        })  # fmt: skip
    return pd.DataFrame(rows)


def _panel(axes: Axes, result: MethodResult, study: StudyResult, table: pd.DataFrame) -> None:
    foot = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 4}
    for end, part in table.groupby("end"):
        (marker, colour), (trial_T, value_T) = MARKS[end], part[["trial", "value"]].to_numpy().T
        where = {} if end == "finished" else foot
        axes.plot(trial_T, 0 * trial_T if where else value_T, ls="", marker=marker, color=colour, ms=4, **where)
    axes.step(table["trial"], table["best_so_far"], where="post", color=INK, lw=1.2)
    default = _default_value(result, study)
    if default is not None:
        axes.axhline(default, color=GREY, lw=1, ls=(0, (4, 2)), zorder=0)
    axes.grid(axis="y")


def _default_value(result: MethodResult, study: StudyResult) -> float | None:
    """Value of the trial with the default settings, if there is one."""
    unchanged = defaults(result.spec.space, result.spec.method.flat)
    found = [trial for trial in finished(study) if trial.params == unchanged]
    return scaled(result, found[0].values[0]) if found else None


def _caption(result: MethodResult) -> str:
    ends = [trial.state.name for study in result.studies for trial in study.trials]
    counts = ", ".join(f"{ends.count(state)} {end}" for state, end in ENDS.items() if state in ends)
    studies = f"{len(result.studies)} independent studies" if len(result.studies) > 1 else "one study"
    caption = f"{len(ends)} trials in {studies} ({counts}), each in its order."
    if {"PRUNED", "FAIL"} & set(ends):
        caption += " What was pruned or failed stands at the foot: it has no result."
    if any(_default_value(result, study) is not None for study in result.studies):
        caption += " Dashed: the trial of the default settings."
    if len(result.studies) > MOST_STUDIES:
        caption += f" The first {MOST_STUDIES} studies are shown."
    return caption
