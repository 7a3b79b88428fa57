"""All settings of every trial at once: a line a trial through parallel axes, one a parameter. T trials, P axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from optuna.trial import FrozenTrial

from fgsgl.methods.search_space import Param
from fgsgl.report.drawing.axes import NARROW_IN, canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.labels import short
from fgsgl.style import GREY, INK
from fgsgl.sweeps.figures._values import finished, scaled, value_label
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.results import MethodResult

MOST_PARAMETERS = 16
UNREAD = 1.22
"""Place at which a line crosses the axis of a parameter that its trial does not read; axes end at 1."""
LETTERS = 45
"""Most characters of an axis's choices together."""


def draw(results: Sequence[MethodResult]) -> Iterator[Sheet]:
    """One figure a method; the value's axis is on top."""
    for result in results:
        trials = [(number, t) for number, study in enumerate(result.finished, start=1) for t in finished(study)]
        read = {name for _, trial in trials for name in trial.params}
        params = [param for param in result.spec.space if param.name in read]
        if len(trials) < 2 or not params:
            continue
        shown = params[:MOST_PARAMETERS]
        value_T = np.array([scaled(result, trial.values[0]) for _, trial in trials])
        fig = canvas(NARROW_IN + 0.6, 0.5 + 0.45 * (len(shown) + 1))
        _panel(fig.subplots(), result, shown, [trial for _, trial in trials], value_T)
        table = pd.DataFrame(
            {"study": number, "trial": trial.number, "value": value}
            | {param.name: trial.params.get(param.name) for param in params}
            for (number, trial), value in zip(trials, value_T, strict=True)
        )
        yield Sheet(figure=fig, table=table, caption=_caption(result, len(trials), params), suffix=f"-{result.method}")


FIGURE = Figure(name="parallel", title="Trials through parallel axes", draw=draw)


def _panel(
    axes: Axes, result: MethodResult, params: Sequence[Param], trials: Sequence[FrozenTrial], value_T: np.ndarray
) -> None:
    span = np.ptp(value_T) or 1.0
    place_T = (value_T - value_T.min()) / span if np.ptp(value_T) else np.full(len(value_T), 0.5)
    good_T = place_T if OBJECTIVES[result.spec.objectives[0]].direction == "maximize" else 1 - place_T
    place_TP = np.array([[_place(param, trial) for param in params] for trial in trials])
    x_TP, y_P = np.column_stack([place_T, place_TP]), np.arange(len(params) + 1)
    colour = matplotlib.colormaps["cividis_r"]
    for index in np.argsort(good_T):  # the best on top
        best = good_T[index] == good_T.max()
        axes.plot(x_TP[index], y_P, color=INK if best else colour(good_T[index]), lw=2 if best else 0.9, alpha=0.9)
    axes.hlines(y_P, 0, 1, color=GREY, lw=0.8, zorder=3)
    axes.set_yticks(y_P, [short(value_label(result), 24), *(short(param.name, 24) for param in params)])
    axes.set_ylim(len(params) + 0.5, -0.4)
    _write_levels(axes, 0, {0.0: f"{value_T.min():.4g}", 1.0: f"{value_T.max():.4g}"})
    for y, param in enumerate(params, start=1):
        _write_levels(axes, y, _levels(param))
    if (place_TP == UNREAD).any():
        axes.set_xticks([UNREAD], ["not read"])
    else:
        axes.set_xticks([])
    axes.set_xlim(-0.08, UNREAD + 0.08 if (place_TP == UNREAD).any() else 1.08)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _place(param: Param, trial: FrozenTrial) -> float:
    """Place on the parameter's axis, from 0 to 1, or ``UNREAD``."""
    if param.name not in trial.params:
        return UNREAD
    setting = trial.params[param.name]
    if param.choices:
        return list(param.choices).index(setting) / (len(param.choices) - 1)
    low, high = param.range
    low, value, high = (np.log(x) if param.log else x for x in (low, setting, high))
    return float((value - low) / (high - low))


def _levels(param: Param) -> dict[float, str]:
    """Labels of the axis by their place on it."""
    if not param.choices:
        return {0.0: f"{param.low:g}", 1.0: f"{param.high:g}"}
    length = max(4, LETTERS // len(param.choices))
    return {index / (len(param.choices) - 1): short(str(choice), length) for index, choice in enumerate(param.choices)}


def _write_levels(axes: Axes, y: float, levels: dict[float, str]) -> None:
    for x, text in levels.items():
        side = "left" if x == 0 else "right" if x == 1 else "center"
        axes.text(x, y + 0.06, text, ha=side, va="top", fontsize=6.5, color=INK, zorder=4,
                  bbox={"fc": "white", "ec": "none", "pad": 0.5, "alpha": 0.8})  # fmt: skip


def _caption(result: MethodResult, n_trials: int, params: Sequence[Param]) -> str:
    caption = (
        f"{n_trials} finished trials of {len(result.finished)} {'studies' if len(result.finished) > 1 else 'study'}, a "
        "line each; the darker, the better, and the best of all thick and black."
    )
    if any(param.when for param in params):
        caption += " At the right: the trial does not read the parameter."
    left_out = f" The first {MOST_PARAMETERS} of {len(params)} parameters are shown."
    return caption + (left_out if len(params) > MOST_PARAMETERS else "")
