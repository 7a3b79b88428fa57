"""The value of every trial against each parameter alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from fgsgl.methods.search_space import Param
from fgsgl.report.drawing.axes import NARROW_IN, canvas, marker_style
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.labels import short
from fgsgl.style import INK
from fgsgl.sweeps.figures._values import finished, scaled, value_label
from fgsgl.sweeps.results import MethodResult

MOST_PARAMETERS = 14
LEVEL_IN, RANGE_IN, GAP_IN = 0.2, 0.8, 0.34
"""Height of a choice, of a number's range, and between two panels."""


def draw(results: Sequence[MethodResult]) -> Iterator[Sheet]:
    """One figure a method, a panel a parameter, in the order of the space."""
    for result in results:
        table = values_table(result)
        params = [param for param in result.spec.space if param.name in set(table["parameter"])]
        if not params:
            continue
        shown = params[:MOST_PARAMETERS]
        heights_in = [LEVEL_IN * len(param.choices) if param.choices else RANGE_IN for param in shown]
        fig = canvas(NARROW_IN, 0.5 + sum(heights_in) + GAP_IN * len(shown))
        ratios = {"height_ratios": heights_in}
        panels = fig.subplots(len(shown), 1, sharex=True, squeeze=False, gridspec_kw=ratios)[:, 0]
        for axes, param in zip(panels, shown, strict=True):
            _panel(axes, param, table[table["parameter"] == param.name])
        panels[-1].set_xlabel(value_label(result))
        yield Sheet(figure=fig, table=table, caption=_caption(result, params), suffix=f"-{result.method}")


FIGURE = Figure(name="slices", title="Value against each parameter", draw=draw)


def values_table(result: MethodResult) -> pd.DataFrame:
    """One row a finished trial and parameter that it reads: ``best`` is the winner of its study."""
    return pd.DataFrame(
        [
            {"study": number, "trial": trial.number, "parameter": name, "setting": setting,
             "value": scaled(result, trial.values[0]), "best": trial == study.best}
            for number, study in enumerate(result.finished, start=1)
            for trial in finished(study)
            for name, setting in trial.params.items()
        ],
        columns=["study", "trial", "parameter", "setting", "value", "best"],
    )  # fmt: skip


def _panel(axes: Axes, param: Param, table: pd.DataFrame) -> None:
    if param.choices:
        choices = list(param.choices)
        y_T = np.array([choices.index(setting) for setting in table["setting"]]) + _shifts(table)
        axes.set_yticks(range(len(choices)), [short(str(choice), 22) for choice in choices])
        axes.set_ylim(len(choices) - 0.4, -0.6)
    else:
        y_T = table["setting"].to_numpy(dtype=float)
        low, high = param.range
        if param.log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 20 * low else (1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.update_datalim([(table["value"].iloc[0], end) for end in (low, high)])
        axes.margins(y=0.12)
    for study in sorted(set(table["study"])):
        of_study = (table["study"] == study).to_numpy()
        axes.plot(table["value"][of_study], y_T[of_study], ls="", ms=3.5, alpha=0.7, **marker_style(study - 1))
    best = table["best"].to_numpy(dtype=bool)
    axes.plot(table["value"][best], y_T[best], ls="", marker="o", ms=8, mfc="none", mec=INK, mew=1)
    condition = f" (where {param.condition})" if param.condition else ""
    axes.set_title(short(f"{param.name}{condition}", 60))
    axes.grid(axis="x")


def _shifts(table: pd.DataFrame) -> np.ndarray:
    """A little up or down, the same for a trial in every panel, so that equal values do not hide one another."""
    keys = (f"{row.study} {row.trial}" for row in table.itertuples())
    return np.array([(zlib.crc32(key.encode()) % 101 / 100 - 0.5) * 0.5 for key in keys])


def _caption(result: MethodResult, params: Sequence[Any]) -> str:
    counts = [len(finished(study)) for study in result.finished]
    several = f" in {len(counts)} studies, each with a marker of its own" if len(counts) > 1 else ""
    caption = (
        f"{sum(counts)} finished trials{several}, in each panel those that read the parameter; ringed: the best of "
        "each study. Choices are spread out a little. A sampler tries more where values were good, so that points are "
        "no even sample."
    )
    left_out = f" The first {MOST_PARAMETERS} of {len(params)} parameters are shown."
    return caption + (left_out if len(params) > MOST_PARAMETERS else "")
