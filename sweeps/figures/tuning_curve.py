"""The best value against the number of trials, with the spread that chance causes. T trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from fgsgl.report.drawing.axes import DASHES, NARROW_IN, canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.style import COLOURS
from fgsgl.sweeps.figures._values import best_so_far, scaled, value_label
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.results import MethodResult, StudyResult

LOW, HIGH = 0.1, 0.9
"""Quantiles of the best value of a study that are a single study's band."""


def draw(results: Sequence[MethodResult]) -> Iterator[Sheet]:
    """One figure a method: over its studies or, of a single one, over random draws of its trials."""
    for result in results:
        if result.finished:
            single = len(result.finished) == 1
            table = resampled(result, result.finished[0]) if single else over_studies(result)
            fig = canvas(NARROW_IN, 2.6)
            axes = fig.subplots()
            axes.fill_between(table["trials"], table["low"], table["high"], color=COLOURS[0], alpha=0.2, lw=0)
            axes.plot(table["trials"], table["mean"], color=COLOURS[0], label="mean" if single else "mean of studies")
            if single:
                as_run = {"where": "post", "color": COLOURS[1], "ls": DASHES[1], "label": "as it ran"}
                axes.step(table["trials"], table["as_run"], **as_run)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
            axes.set_xlabel("number of trials")
            axes.set_ylabel(f"best {value_label(result)}")
            axes.grid(axis="y")
            fig.legend(loc="outside upper left", frameon=False, fontsize="small", ncols=2)
            yield Sheet(figure=fig, table=table, caption=_caption(result), suffix=f"-{result.method}")


FIGURE = Figure(name="tuning-curve", title="Best value against the number of trials", draw=draw)


def over_studies(result: MethodResult) -> pd.DataFrame:
    """Mean, lowest and highest best value over the studies after each number of trials that all of them have, from the
    first on by which each has a value."""
    curves = [best_so_far(result, study) for study in result.finished]
    shortest = min(map(len, curves))
    best_ST = np.stack([curve[:shortest] for curve in curves])
    table = pd.DataFrame(
        {"trials": np.arange(1, shortest + 1), "mean": best_ST.mean(axis=0), "low": best_ST.min(axis=0),
         "high": best_ST.max(axis=0), "studies": len(curves)}
    )  # fmt: skip
    return table[table["mean"].notna()]


def resampled(result: MethodResult, study: StudyResult) -> pd.DataFrame:
    """Mean and quantiles of the best value of n of a study's trials, drawn without putting back, and what it was as the
    study ran.

    Exact, by the order of the values: of all draws of n out of T trials, C(i, n - 1) have the i-th value from below,
    counted from 0, as their best (Tang et al. 2020, ACL, "Showing Your Work Doesn't Always Work"). Trials without a
    value count as worse than any; draws of nothing else are left out.
    """
    sign = 1 if OBJECTIVES[result.spec.objectives[0]].direction == "maximize" else -1
    values = [sign * scaled(result, trial.values[0]) for trial in study.trials if trial.state.name == "COMPLETE"]
    total, without = len(study.trials), len(study.trials) - len(values)
    value_V, rows = np.sort(values), []
    for n, as_run in zip(range(1, total + 1), best_so_far(result, study), strict=True):
        weights = [comb(without + rank, n - 1) for rank in range(len(value_V))]
        share_V = np.array([weight / sum(weights) for weight in weights])  # of whole numbers, however large
        low, high = (value_V[np.searchsorted(share_V.cumsum(), quantile - 1e-12)] for quantile in (LOW, HIGH))
        mean = float(share_V @ value_V)
        low, high = sorted((sign * low, sign * high))
        rows.append({"trials": n, "mean": sign * mean, "low": low, "high": high, "as_run": as_run})
    return pd.DataFrame(rows)


def _caption(result: MethodResult) -> str:
    name = result.spec.objectives[0]
    if len(result.finished) > 1:
        return (
            f"Best {name} on the validation split after so many trials: mean over {len(result.finished)} independent "
            "studies; the band spans the lowest and the highest of them. Pruned and failed trials count."
        )
    return (
        f"Best {name} on the validation split of so many of the {len(result.finished[0].trials)} trials of the one "
        "study: "
        f"mean over all ways to draw them, and the band from their {100 * LOW:.0f} % to their {100 * HIGH:.0f} % "
        "quantile; near all trials it narrows since few ways are left. That takes the trials as alike, though a "
        "sampler learns from those before. Dashed: as the study ran. Pruned and failed trials count, as worse than any."
    )
